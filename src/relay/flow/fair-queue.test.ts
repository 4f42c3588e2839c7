import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkPool } from './chunk-pool.ts';
import { createLane, FairQueue, QUANTUM_BYTES } from './fair-queue.ts';
import { PackedQueue, TEXT_OPCODE } from './packed-queue.ts';

function setUp(lanes: number) {
  const pool = new ChunkPool();
  const urgent = new PackedQueue(pool);
  const fair = new FairQueue(urgent);
  const made = Array.from({ length: lanes }, () =>
    createLane(new PackedQueue(pool), { lowered: () => {}, overrun: () => {} }),
  );
  return { urgent, fair, lanes: made };
}

describe('FairQueue', () => {
  it('lets control messages pass everything', () => {
    const { urgent, fair, lanes } = setUp(1);
    for (const lane of lanes) {
      lane.queue.append(Buffer.alloc(1_000));
      fair.enlist(lane);
    }
    urgent.append(Buffer.from('{}'), TEXT_OPCODE);

    expect(fair.shift()?.messageBytes).toBe(2);
    expect(fair.shift()?.messageBytes).toBe(1_000);
    expect(fair.shift()).toBeUndefined();
  });

  it('never lets one backlogged stream get ahead of another by more than a quantum and a message', () => {
    const message = fc.integer({ min: 1, max: 262_144 });
    fc.assert(
      fc.property(fc.array(message, { minLength: 2, maxLength: 5 }), (sizes) => {
        const { fair, lanes } = setUp(sizes.length);
        const sent = sizes.map(() => 0);
        const lastParcel = sizes.map(() => 0);
        const total = 40 * QUANTUM_BYTES;
        lanes.forEach((lane, i) => {
          for (let bytes = 0; bytes < 3 * total; bytes += sizes[i] ?? 1) lane.queue.append(Buffer.alloc(sizes[i] ?? 1));
          fair.enlist(lane);
        });
        const owner = new Map(lanes.map((lane, i) => [lane, i]));
        for (let bytes = 0; bytes < total; ) {
          const before = lanes.map(({ queue }) => queue.messageBytes);
          const parcel = fair.shift();
          const lane = lanes.find(({ queue }, i) => queue.messageBytes !== before[i]);
          const i = lane === undefined ? undefined : owner.get(lane);
          if (parcel === undefined || i === undefined) throw new Error('a backlogged queue gave nothing');
          sent[i] = (sent[i] ?? 0) + parcel.wireBytes;
          lastParcel[i] = parcel.wireBytes;
          bytes += parcel.wireBytes;
        }
        const slack = 2 * QUANTUM_BYTES + Math.max(...lastParcel);
        expect(Math.max(...sent) - Math.min(...sent)).toBeLessThanOrEqual(slack);
      }),
      { numRuns: 15 },
    );
  });

  it('forgets a stream that has nothing more, and takes it back with its next message', () => {
    const { fair, lanes } = setUp(1);
    const [lane] = lanes;
    if (lane === undefined) throw new Error('one lane was asked for');
    lane.queue.append(Buffer.alloc(5));
    fair.enlist(lane);
    fair.shift();

    expect(fair.shift()).toBeUndefined();
    expect(lane.waiting).toBe(false);
    lane.queue.append(Buffer.alloc(6));
    fair.enlist(lane);
    expect(fair.shift()?.messageBytes).toBe(6);
  });
});
