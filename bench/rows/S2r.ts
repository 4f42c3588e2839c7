import type { Row } from '../row.ts';
import { gapRounds } from '../storm/gap-rounds.ts';

/** As in S1r: less, and the executor's own pause is longer. Milliseconds. */
const APART_MS = 130_000;
/** As in S2. */
const DRAIN_SECONDS = 5;

export const row: Row = {
  id: 'S2r',
  what: 'a relay is drained: silence of a session that went through it, p99; 100 of our client, five real codex exec-server; all go on',
  unit: 's',
  must: 10,
  goal: 5,
  direction: '<=',
  peer: 'nothing: without recovery the session is over; the executor’s own pauses count',
  run: () =>
    gapRounds({
      what: 'drained',
      ...{ blows: 1, real: true, apartMs: APART_MS, drainSeconds: DRAIN_SECONDS },
      strike: (relay) => relay.drain(),
    }),
};
