import type { Row } from '../row.ts';
import { gapRounds } from '../storm/gap-rounds.ts';

/** A real executor waits a second before it dials again, and longer each time unless its connection lived as long as this. Milliseconds. */
const APART_MS = 130_000;

export const row: Row = {
  id: 'S1r',
  what: 'a relay is killed: silence of a session that went through it, p99; 100 of our client, five real codex exec-server; all resume',
  unit: 's',
  must: 30,
  goal: 20,
  direction: '<=',
  peer: 'nothing: without recovery the session is over; the executor’s own pauses count',
  run: () => gapRounds({ what: 'killed', blows: 1, real: true, apartMs: APART_MS, strike: (relay) => relay.kill() }),
};
