import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Backlog, BacklogLedger, createBacklog } from './backlog.ts';
import { ProcessBudget } from './process-budget.ts';

const limits = { streamBacklogBytes: 80, executorBacklogBytes: 128, stallMs: 12_000 };
const stream = (): { readonly backlog: Backlog } => ({ backlog: createBacklog() });

describe('BacklogLedger', () => {
  it('cuts the stream that goes over its own budget', () => {
    const ledger = new BacklogLedger(limits, new ProcessBudget(1_000));
    const slow = stream();

    expect(ledger.grow(slow, 80)).toBeUndefined();
    expect(ledger.grow(slow, 1)).toBe(slow);
  });

  it('cuts the largest stream when all together go over the budget of the executor', () => {
    const ledger = new BacklogLedger(limits, new ProcessBudget(1_000));
    const [small, large, last] = [stream(), stream(), stream()];
    ledger.grow(small, 50);
    ledger.grow(large, 70);

    expect(ledger.grow(last, 9)).toBe(large);
  });

  it('finds a stream that took nothing for the whole span, and none that moved', () => {
    const ledger = new BacklogLedger(limits, new ProcessBudget(1_000));
    const [stuck, slow] = [stream(), stream()];
    ledger.grow(stuck, 10);
    ledger.grow(slow, 50);
    expect(ledger.stalled(1_000)).toEqual([]);
    for (let now = 2_000; now <= 12_000; now += 1_000) {
      ledger.settle(slow, 1);
      expect(ledger.stalled(now)).toEqual([]);
    }
    ledger.settle(slow, 1);

    expect(ledger.stalled(13_000)).toEqual([stuck]);
  });

  it('tells since when the oldest waits that is still here', () => {
    const ledger = new BacklogLedger(limits, new ProcessBudget(1_000));
    const slow = stream();
    ledger.grow(slow, 10);
    expect([...ledger.ages(1_000)]).toEqual([0]);
    ledger.grow(slow, 30);
    ledger.settle(slow, 9);
    expect([...ledger.ages(4_000)]).toEqual([3_000]);
    ledger.settle(slow, 1);
    expect([...ledger.ages(5_000)]).toEqual([0]);
    ledger.settle(slow, 30);
    expect([...ledger.ages(6_000)]).toEqual([]);
  });

  it('always holds the sum of what waits, and nothing for streams that were forgotten', () => {
    const step = fc.record({
      op: fc.constantFrom('grow', 'settle', 'forget'),
      which: fc.nat(3),
      bytes: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const ledger = new BacklogLedger(limits, new ProcessBudget(1_000));
        const streams = [stream(), stream(), stream(), stream()];
        for (const { op, which, bytes } of steps) {
          const each = streams[which];
          if (each === undefined) continue;
          if (op === 'grow') ledger.grow(each, bytes);
          else if (op === 'settle') ledger.settle(each, Math.min(bytes, each.backlog.waiting));
          else ledger.forget(each);
          expect(ledger.total).toBe(streams.reduce((sum, { backlog }) => sum + backlog.waiting, 0));
        }
      }),
    );
  });
});
