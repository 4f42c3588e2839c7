import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Attempt, HandshakeGate } from './handshakes.ts';
import {
  ABANDONED_HANDSHAKE_MS,
  HANDSHAKE_ANSWER_MS,
  HANDSHAKE_PENALTY_MS,
  MAX_UNANSWERED_HANDSHAKES,
} from './limits.ts';

const PARTY = 'identity/environment';

function asks() {
  const seen: string[] = [];
  return { seen, proceed: () => seen.push('proceed'), refuse: () => seen.push('refuse') };
}

function begin(gate: HandshakeGate, now: number, party = PARTY) {
  const ask = asks();
  return { ...ask, attempt: gate.begin(party, ask, now) };
}

describe('HandshakeGate', () => {
  it('lets three through at once and the fourth when one of them is answered', () => {
    const gate = new HandshakeGate();
    const first = [begin(gate, 0), begin(gate, 0), begin(gate, 0)];
    const fourth = begin(gate, 0);
    const other = begin(gate, 0, 'identity/another');

    expect(first.map(({ seen }) => seen)).toEqual([['proceed'], ['proceed'], ['proceed']]);
    expect(fourth.seen).toEqual([]);
    expect(other.seen).toEqual(['proceed']);
    const [answered] = first;
    if (answered !== undefined) gate.answered(answered.attempt, 10);
    expect(fourth.seen).toEqual(['proceed']);
  });

  it('refuses the party for a minute after three failures, those that wait included', () => {
    const gate = new HandshakeGate();
    const pending = [begin(gate, 0), begin(gate, 0), begin(gate, 0), begin(gate, 0), begin(gate, 0), begin(gate, 0)];

    const ends = pending.slice(0, 3).map(({ attempt }) => gate.failed(attempt, 100));

    expect(ends).toEqual([0, 0, 100 + HANDSHAKE_PENALTY_MS]);
    expect(pending[5]?.seen).toEqual(['refuse']);
    expect(gate.penaltyUntil(PARTY, 100)).toBe(100 + HANDSHAKE_PENALTY_MS);
    expect(begin(gate, 200).seen).toEqual(['refuse']);
    expect(gate.penaltyUntil(PARTY, 100 + HANDSHAKE_PENALTY_MS)).toBe(0);
    expect(begin(gate, 100 + HANDSHAKE_PENALTY_MS).seen).toEqual(['proceed']);
  });

  it('does not punish failures that are more than a minute apart', () => {
    const gate = new HandshakeGate();

    const ends = [0, 31_000, 62_000, 93_000].map((now) => gate.failed(begin(gate, now).attempt, now));

    expect(ends).toEqual([0, 0, 0, 0]);
  });

  it('holds the place of a harness that left for a moment, and still counts the verdict on it', () => {
    const gate = new HandshakeGate();
    const left = [begin(gate, 0), begin(gate, 0), begin(gate, 0)];
    for (const { attempt } of left) gate.abandoned(attempt, 0);
    const next = begin(gate, 1);
    expect(next.seen).toEqual([]);

    gate.sweep(ABANDONED_HANDSHAKE_MS);
    expect(next.seen).toEqual(['proceed']);
    const ends = left.map(({ attempt }) => gate.failed(attempt, ABANDONED_HANDSHAKE_MS + 1));
    expect(ends[2]).toBeGreaterThan(0);
  });

  it('frees the place of a handshake that the executor never answers, and blames nobody', () => {
    const gate = new HandshakeGate();
    for (let i = 0; i < MAX_UNANSWERED_HANDSHAKES; i += 1) begin(gate, 0);
    const waiting = begin(gate, 0);

    gate.sweep(HANDSHAKE_ANSWER_MS);

    expect(waiting.seen).toEqual(['proceed']);
    expect(gate.penaltyUntil(PARTY, HANDSHAKE_ANSWER_MS)).toBe(0);
  });

  it('never has more than three unanswered of one party, in any order of events', () => {
    const step = fc.record({
      op: fc.constantFrom('begin', 'begin', 'answered', 'failed', 'abandoned', 'sweep'),
      which: fc.nat(20),
      passes: fc.integer({ min: 0, max: 4_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const gate = new HandshakeGate();
        const attempts: Attempt[] = [];
        let now = 1;
        for (const { op, which, passes } of steps) {
          now += passes;
          const attempt = attempts[which % Math.max(1, attempts.length)];
          if (op === 'begin') attempts.push(gate.begin(PARTY, { proceed: () => {}, refuse: () => {} }, now));
          else if (op === 'sweep') gate.sweep(now);
          else if (attempt !== undefined && attempt.state !== 'waiting') gate[op](attempt, now);
          const holding = attempts.filter(
            ({ state, placeUntil }) => (state === 'unanswered' || state === 'abandoned') && placeUntil > now,
          );
          expect(holding.length).toBeLessThanOrEqual(MAX_UNANSWERED_HANDSHAKES);
        }
      }),
    );
  });
});
