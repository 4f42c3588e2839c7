import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BacklogLedger, createBacklog } from './backlog.ts';
import { ChunkPool } from './chunk-pool.ts';
import { createLane } from './fair-queue.ts';
import { PackedQueue } from './packed-queue.ts';
import { ProcessBudget } from './process-budget.ts';
import { UploadQueue } from './upload-queue.ts';

const LIMIT = 1_000;
const ROOMY = { streamBacklogBytes: 1_000_000, executorBacklogBytes: 1_000_000, stallMs: 12_000 };

interface TestStream {
  readonly name: string;
  readonly backlog: ReturnType<typeof createBacklog>;
}

/** Executors with their streams, and who was cut. */
function executors(count: number, budget: ProcessBudget) {
  const cut: string[] = [];
  const all = Array.from({ length: count }, (_, at) => {
    const ledger = new BacklogLedger<TestStream>(ROOMY, budget);
    budget.join({
      largest: () => ledger.largest?.backlog.waiting ?? 0,
      cutLargest: () => {
        const { largest } = ledger;
        if (largest === undefined) return;
        cut.push(largest.name);
        ledger.forget(largest);
      },
    });
    const streams = ['a', 'b'].map((name) => ({ name: `${at}${name}`, backlog: createBacklog() }));
    const grow = (which: number, bytes: number) => {
      const stream = streams[which];
      if (stream !== undefined) ledger.grow(stream, bytes);
      budget.keep();
    };
    return { ledger, streams, grow };
  });
  return { all, cut };
}

describe('the budget of the process', () => {
  it('cuts the largest backlog of all executors, not the one that asked for more', () => {
    const budget = new ProcessBudget(LIMIT);
    const { all, cut } = executors(3, budget);
    all[0]?.grow(0, 300);
    all[1]?.grow(0, 250);
    all[1]?.grow(1, 250);

    all[2]?.grow(0, 201);

    expect(cut).toEqual(['0a']);
    expect(budget.total).toBe(701);
  });

  it('is never exceeded, and always holds the sum of what waits', () => {
    const step = fc.record({
      at: fc.nat(2),
      which: fc.nat(1),
      bytes: fc.integer({ min: 1, max: 600 }),
      settle: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const budget = new ProcessBudget(LIMIT);
        const { all } = executors(3, budget);
        for (const { at, which, bytes, settle } of steps) {
          const stream = all[at]?.streams[which];
          if (stream === undefined) continue;
          if (settle) all[at]?.ledger.settle(stream, Math.min(bytes, stream.backlog.waiting));
          else all[at]?.grow(which, bytes);
          expect(budget.total).toBeLessThanOrEqual(LIMIT);
          const waiting = all.flatMap(({ streams }) => streams.map(({ backlog }) => backlog.waiting));
          expect(budget.total).toBe(waiting.reduce((sum, each) => sum + each, 0));
        }
      }),
    );
  });
});

describe('what waits for executors', () => {
  const laneIn = (pool: ChunkPool, overrun: () => void = () => {}) =>
    createLane(new PackedQueue(pool), { lowered: () => {}, overrun });

  it('is cut where most waits, when executors that do not read hold too much', () => {
    const pool = new ChunkPool();
    const budget = new ProcessBudget(LIMIT);
    const overrun: string[] = [];
    const [first, second] = [new UploadQueue(pool, budget), new UploadQueue(pool, budget)];
    const large = laneIn(pool, () => overrun.push('large'));
    first.append(large, Buffer.alloc(600));
    second.append(
      laneIn(pool, () => overrun.push('small')),
      Buffer.alloc(300),
    );
    expect(budget.isTight).toBe(true);

    second.append(
      laneIn(pool, () => overrun.push('last')),
      Buffer.alloc(200),
    );

    expect(overrun).toEqual(['large']);
    expect(large.queue.messageBytes).toBe(0);
    expect(budget.total).toBe(500);
  });

  it('counts until the kernel took it, and no longer when the socket is gone', () => {
    const pool = new ChunkPool();
    const budget = new ProcessBudget(LIMIT);
    const queue = new UploadQueue(pool, budget);
    queue.append(laneIn(pool), Buffer.alloc(100));
    queue.appendUrgent(Buffer.alloc(10));
    const urgent = queue.shift();
    expect(budget.total).toBe(110);
    if (urgent !== undefined) queue.settled(urgent);
    expect(budget.total).toBe(100);

    const late = queue.shift();
    queue.close();
    if (late !== undefined) queue.settled(late);

    expect(budget.total).toBe(0);
  });
});
