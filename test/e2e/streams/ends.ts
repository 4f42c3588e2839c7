import { expect } from 'vitest';
import type { Answer } from './protocol.ts';

type End = Extract<Answer, { type: 'end' }>;

/** Every byte came, in order; no session was lost; no command ran twice, and none that was acknowledged did not run. */
export function expectNothingLost(...ends: readonly End[]): void {
  const sessions = ends.flatMap((end) => end.sessions);
  const ways = sessions.map(({ verdict, sessionsLost, why }) => ({ verdict, sessionsLost, why }));
  expect(ways.filter(({ verdict, sessionsLost }) => verdict !== 'complete' || sessionsLost > 0)).toEqual([]);
  for (const { acknowledged, missing, twice, failed } of ends.flatMap((end) => end.commands)) {
    expect({ missing, twice }).toEqual({ missing: 0, twice: 0 });
    expect(acknowledged).toBeGreaterThan(0);
    process.stdout.write(`  ${acknowledged} short commands acknowledged, failed: ${JSON.stringify(failed)}\n`);
  }
}
