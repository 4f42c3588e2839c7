import { beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../telemetry/index.ts';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { type Deny, parseEnvironmentId, parseFingerprint, parseIncarnation } from '../../wire/index.ts';
import { DenyBoard } from './deny-board.ts';

const environmentId = parseEnvironmentId('team-a_build');
const match = { fingerprint: parseFingerprint(`SHA256:${'A'.repeat(43)}`) };
const [before, now] = [parseIncarnation('pod-1'), parseIncarnation('pod-2')];

describe('acknowledgements of a deny', () => {
  let board: DenyBoard;
  let heard: string[];

  beforeEach(() => {
    heard = [];
    board = new DenyBoard({
      clock: new ManualClock(),
      logger: createLogger({ component: 'registry', level: 'silent' }),
    });
    board.subscribe({ denied: () => {}, lifted: () => {}, acknowledged: ({ id }) => heard.push(id) });
    board.deny({ environmentId, match, reason: 'revoked' }, 60);
  });

  const deny = (): Deny => {
    const [standing] = board.standing(environmentId);
    if (standing === undefined) throw new Error('it does not stand');
    return standing;
  };

  it('are kept once of each party, and of each life of a sidecar', () => {
    const by = 'sidecar of team-a_build';
    for (const incarnation of [before, before, now]) board.acknowledged(deny().id, { by, incarnation });
    board.acknowledged(deny().id, { by: 'relay main-relay-0' });
    board.acknowledged(deny().id, { by: 'relay main-relay-0' });
    expect(board.acknowledgements(deny().id)).toMatchObject([
      { by, incarnation: before },
      { by, incarnation: now },
      { by: 'relay main-relay-0' },
    ]);
    expect(heard).toHaveLength(3);
  });

  it('of a deny that does not stand are nobody’s', () => {
    board.acknowledged('unknown', { by: 'relay main-relay-0' });
    expect([board.acknowledgements('unknown'), heard]).toEqual([[], []]);
  });
});
