import { LOG_ENTRY_OVERHEAD_BYTES } from '../limits.ts';

export type OutputStream = 'stdout' | 'stderr' | 'pty';

/** `exited` and `closed` share the counter with output (contract §9.3), so they are entries as well. */
export type EntryKind = OutputStream | 'exited' | 'closed';

export interface Entry {
  readonly seq: number;
  readonly kind: EntryKind;
  /** Output; for `exited` the exit code as a signed 32-bit number, for `closed` nothing. */
  readonly bytes: Buffer;
  /** The cost of this entry and all before it: what lies between two entries is a subtraction. */
  readonly end: number;
}

const KINDS: readonly EntryKind[] = ['stdout', 'stderr', 'pty', 'exited', 'closed'];

/** One byte of kind, four of length. `seq` is implied: a block knows its first, and there are no gaps. */
const FRAME_HEADER_BYTES = 5;

export function costOf(bytes: number): number {
  return bytes + LOG_ENTRY_OVERHEAD_BYTES;
}

/** Entries as they lie in the spill file, as a list for `writev`: payloads are not copied. */
export function encodeEntries(entries: readonly Entry[]): Buffer[] {
  const headers = Buffer.allocUnsafe(entries.length * FRAME_HEADER_BYTES);
  return entries.flatMap(({ kind, bytes }, index) => {
    const at = index * FRAME_HEADER_BYTES;
    headers.writeUInt8(KINDS.indexOf(kind), at);
    headers.writeUInt32BE(bytes.length, at + 1);
    const header = headers.subarray(at, at + FRAME_HEADER_BYTES);
    return bytes.length > 0 ? [header, bytes] : [header];
  });
}

/** `start` is the `end` of the entry before. Throws when the bytes are not what `encodeEntries` wrote: somebody else wrote to the spill file. */
export function decodeEntries(block: Buffer, firstSeq: number, start: number): Entry[] {
  let cost = start;
  const entries: Entry[] = [];
  for (let at = 0; at < block.length; ) {
    const kind = at + FRAME_HEADER_BYTES <= block.length ? KINDS[block.readUInt8(at)] : undefined;
    const end = kind === undefined ? Number.NaN : at + FRAME_HEADER_BYTES + block.readUInt32BE(at + 1);
    if (kind === undefined || !(end <= block.length)) throw new Error('the spill file was damaged');
    const bytes = block.subarray(at + FRAME_HEADER_BYTES, end);
    cost += costOf(bytes.length);
    entries.push({ seq: firstSeq + entries.length, kind, bytes, end: cost });
    at = end;
  }
  return entries;
}
