import { describe, expect, it } from 'vitest';
import { READY, REASONS, STALLED } from '../../api/index.ts';
import { type Finding, nextConditions } from './conditions.ts';

const ready: Finding = { type: READY, status: 'True', reason: REASONS.Registered, message: 'well' };
const EARLIER = '2026-01-01T00:00:00Z';
const now = Date.parse('2026-02-01T00:00:00Z');

describe('conditions', () => {
  it('keep the time of their transition while the status stays', () => {
    const [before] = nextConditions({ before: [], findings: [ready], generation: 1, now: Date.parse(EARLIER) });
    expect(before?.lastTransitionTime).toBe(EARLIER);
    const changed = { ...ready, message: 'better' };
    const [after] = nextConditions({ before: before ? [before] : [], findings: [changed], generation: 2, now });
    expect(after).toMatchObject({ message: 'better', lastTransitionTime: EARLIER, observedGeneration: 2 });
  });

  it('get a new time when the status changes', () => {
    const before = nextConditions({ before: [], findings: [ready], generation: 1, now: Date.parse(EARLIER) });
    const findings: Finding[] = [{ ...ready, status: 'False' }];
    expect(nextConditions({ before, findings, generation: 1, now })[0]?.lastTransitionTime).toBe(
      '2026-02-01T00:00:00Z',
    );
  });

  it('vanish when nobody finds them any more', () => {
    const stalled: Finding = { type: STALLED, status: 'True', reason: REASONS.RelayNotFound, message: 'mend it' };
    const before = nextConditions({ before: [], findings: [stalled], generation: 1, now });
    expect(nextConditions({ before, findings: [ready], generation: 1, now }).map(({ type }) => type)).toEqual([READY]);
  });

  it('cut what others say at a length that a status can bear', () => {
    const [long] = nextConditions({
      before: [],
      findings: [{ ...ready, message: 'x'.repeat(9999) }],
      generation: 1,
      now,
    });
    expect(long?.message).toHaveLength(1024);
  });
});
