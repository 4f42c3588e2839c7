import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHUNK_BYTES, ChunkPool } from './chunk-pool.ts';
import { BACKLOG_FROM_BYTES, COPY_LIMIT_BYTES, PackedQueue, type Parcel } from './packed-queue.ts';

/** The messages in a run of unmasked WebSocket frames, read by the rules of RFC 6455 §5.2. */
function readFrames(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    expect(bytes[at]).toBe(0x82);
    const short = bytes[at + 1] ?? 0;
    const [start, length] =
      short < 126
        ? [at + 2, short]
        : short === 126
          ? [at + 4, bytes.readUInt16BE(at + 2)]
          : [at + 10, Number(bytes.readBigUInt64BE(at + 2))];
    messages.push(Buffer.from(bytes.subarray(start, start + length)));
    at = start + length;
  }
  return messages;
}

const bytesOf = ({ head, body }: Parcel) => Buffer.concat(body === undefined ? [head] : [head, body]);

describe('PackedQueue', () => {
  it('gives back every message in order, whatever their sizes and whenever it is read', () => {
    const size = fc.oneof(
      fc.integer({ min: 0, max: 300 }),
      fc.constantFrom(125, 126, 65_535, 65_536, COPY_LIMIT_BYTES, COPY_LIMIT_BYTES + 1),
      fc.integer({ min: 0, max: 262_144 }),
    );
    const step = fc.oneof(fc.record({ size, fill: fc.nat(255) }), fc.constant('shift' as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const pool = new ChunkPool();
        const queue = new PackedQueue(pool);
        const sent: Buffer[] = [];
        const wire: Buffer[] = [];
        const take = () => {
          const parcel = queue.shift();
          if (parcel === undefined) return false;
          const bytes = bytesOf(parcel);
          expect(bytes.length).toBe(parcel.wireBytes);
          expect(parcel.head.length).toBeLessThanOrEqual(CHUNK_BYTES);
          expect(readFrames(bytes).reduce((sum, { length }) => sum + length, 0)).toBe(parcel.messageBytes);
          wire.push(bytes);
          // The chunk is reused at once, as after a write that the kernel took.
          if (parcel.chunk !== undefined) pool.give(parcel.chunk);
          return true;
        };
        for (const each of steps) {
          if (each === 'shift') take();
          else {
            const message = Buffer.alloc(each.size, each.fill);
            sent.push(message);
            queue.append(message);
          }
        }
        while (take());
        expect(readFrames(Buffer.concat(wire)).map((m) => m.toString('latin1'))).toEqual(
          sent.map((m) => m.toString('latin1')),
        );
        expect(queue.messageBytes).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('keeps a backlog in shared memory, which V8 does not count, and uses that again', () => {
    const pool = new ChunkPool();
    const queue = new PackedQueue(pool);
    const large = Buffer.alloc(60_000, 7);
    const count = 20;
    const backlogOf = () => {
      for (let sent = 0; sent < count; sent += 1) queue.append(large);
      const parcels = Array.from({ length: count }, () => queue.shift());
      expect(parcels.every((parcel) => parcel !== undefined && readFrames(bytesOf(parcel))[0]?.equals(large))).toBe(
        true,
      );
      return parcels.flatMap((parcel) => parcel?.chunk ?? []);
    };

    const chunks = backlogOf();
    expect(chunks.length).toBe(count - Math.ceil(BACKLOG_FROM_BYTES / large.length));
    for (const chunk of chunks) expect(chunk.buffer).toBeInstanceOf(SharedArrayBuffer);
    for (const chunk of chunks) pool.give(chunk);
    expect(new Set(backlogOf())).toEqual(new Set(chunks));
  });

  it('says how many message bytes wait, and forgets them all at once', () => {
    const queue = new PackedQueue(new ChunkPool());
    queue.append(Buffer.alloc(10));
    queue.append(Buffer.alloc(COPY_LIMIT_BYTES + 1));
    queue.append(Buffer.alloc(7));

    expect(queue.messageBytes).toBe(10 + COPY_LIMIT_BYTES + 1 + 7);
    expect(queue.clear()).toBe(10 + COPY_LIMIT_BYTES + 1 + 7);
    expect(queue.shift()).toBeUndefined();
    expect(queue.messageBytes).toBe(0);
  });
});
