import { describe, expect, it } from 'vitest';
import { combine, type ExecutorFacts } from './facts.ts';
import { SHOWN_FOR_MS, sessionsStatus } from './sessions.ts';

const now = Date.parse('2026-11-21T08:00:00Z');
const nothing = combine([], undefined);
const facts = (change: Partial<ExecutorFacts>): ExecutorFacts => ({ ...nothing, ...change });
const before = { count: 2 };

describe('the sessions in status', () => {
  it('are what is known', () => {
    const known = facts({ known: true, sessions: 3, lastActivity: now / 1000 });
    expect(sessionsStatus(before, known, { changedAt: 0, now })).toEqual({
      sessions: { count: 3, lastActivityTime: '2026-11-21T08:00:00Z' },
    });
  });

  it('stay for a minute after the registries were lost, and look at that again', () => {
    const until = now - 1000 + SHOWN_FOR_MS;
    expect(sessionsStatus(before, nothing, { changedAt: now - 1000, now })).toEqual({ sessions: before, until });
    expect(sessionsStatus(before, nothing, { changedAt: now - 1000, now: until })).toEqual({ sessions: undefined });
  });

  it('are gone at once when a registry says that nobody knows', () => {
    expect(sessionsStatus(before, facts({ known: true }), { changedAt: now, now })).toEqual({ sessions: undefined });
  });

  it('are never made up', () => {
    expect(sessionsStatus(undefined, nothing, { changedAt: now, now })).toEqual({ sessions: undefined });
  });
});
