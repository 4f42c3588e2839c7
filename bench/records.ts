import { handshake, parties } from './handshakes.ts';
import type { Work } from './interleave.ts';

/** Sealed and opened in turns of so many, so that reading the clock costs nothing. */
const BATCH = 16;

export interface Channel<Sealed, Record> {
  seal(plaintext: Uint8Array): Sealed;
  open(record: Record): unknown;
}

/** Only `seal` and `open` are timed. `carry` is the way between them, where somebody builds a frame anyhow. */
export function sealAndOpen<Sealed, Record>(
  channel: Channel<Sealed, Record>,
  size: number,
  carry: (sealed: Sealed) => Record,
): Work {
  const plaintext = new Uint8Array(size).fill(0x6e);
  return (times) => {
    let milliseconds = 0;
    for (let left = times; left > 0; left -= BATCH) {
      const sealed: Sealed[] = [];
      const started = performance.now();
      for (let done = 0; done < Math.min(BATCH, left); done++) sealed.push(channel.seal(plaintext));
      milliseconds += performance.now() - started;
      const records = sealed.map(carry);
      const resumed = performance.now();
      for (const record of records) channel.open(record);
      milliseconds += performance.now() - resumed;
    }
    return milliseconds / 1000;
  };
}

/** A record leaves as ciphertext and tag and arrives in one piece. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

/** Our records, after a real handshake. */
export function ourRecords(size: number): Work {
  const { initiator, responder } = handshake(parties());
  const channel = {
    seal: (plaintext: Uint8Array) => initiator.send.seal(plaintext),
    open: (record: Uint8Array) => responder.receive.open(record),
  };
  return sealAndOpen(channel, size, joined);
}
