import { describe, expect, it } from 'vitest';
import { TLS_TIMES, tlsTimesProblem } from './times.ts';

const DAY_MS = 86_400_000;

describe('the times of generated certificates', () => {
  it('are possible as they are by default, and short ones for trying', () => {
    expect(tlsTimesProblem(TLS_TIMES)).toBeUndefined();
    expect(tlsTimesProblem({ authorityLifeMs: 240_000, leafLifeMs: 120_000, announceMs: 40_000 })).toBeUndefined();
  });

  it.each([
    ['no time to announce', { announceMs: 1000 }, /announcement of an authority/],
    ['certificates that end before their successor arrived', { leafLifeMs: DAY_MS }, /a certificate lives/],
    ['authorities that end during their succession', { authorityLifeMs: 30 * DAY_MS }, /six times its announcement/],
    ['authorities hardly older than their certificates', { authorityLifeMs: 100 * DAY_MS }, /twice the life/],
  ])('leave no room for %s', (_what, changed, message) => {
    expect(tlsTimesProblem({ ...TLS_TIMES, ...changed })).toMatch(message);
  });
});
