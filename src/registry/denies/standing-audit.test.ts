import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { type Access, type Incarnation, parseEnvironmentId, parseIncarnation } from '../../wire/index.ts';
import type { EnvironmentRecord } from '../directory/directory.ts';
import { accessStandsIn, type DirectoryView, type GrantRecord } from '../directory/view.ts';
import { identityHashOf } from '../identity-hash.ts';
import type { DenyTarget } from './deny-list.ts';
import { StandingAudit } from './standing-audit.ts';

const ENV = parseEnvironmentId('team-a_build');
const [OLD, NEW] = [parseIncarnation('uid-1'), parseIncarnation('uid-2')];
const access = (identity: string, grant: string): Access => ({
  environmentId: ENV,
  identityHash: identityHashOf(identity),
  grant,
});
const grant = (change: Partial<GrantRecord> = {}): GrantRecord => ({
  name: 'team-a/dev',
  identities: new Set(['sa:team-a/dev']),
  namespaces: new Set(),
  environments: new Set([ENV]),
  expiresAt: Number.POSITIVE_INFINITY,
  ...change,
});

describe('who is in when a registry comes back', () => {
  let clock: ManualClock;
  let denied: DenyTarget[];
  let grants: GrantRecord[];
  let complete: boolean;
  let current: Incarnation;
  let audit: StandingAudit;

  beforeEach(() => {
    clock = new ManualClock();
    [denied, grants, complete] = [[], [grant()], true];
    current = NEW;
    const record = (): EnvironmentRecord => ({ id: ENV, runtime: 'BuiltIn', fence: { current, former: [] }, keys: [] });
    const view = (): DirectoryView => ({ environments: new Map([[ENV, record()]]), grants });
    audit = new StandingAudit({
      directory: {
        synced: () => true,
        complete: () => complete,
        environment: (id) => view().environments.get(id),
        accessStands: (each) => accessStandsIn(view(), each, clock.now()),
      },
      denies: { deny: (target) => denied.push(target) },
      clock,
    });
  });

  it('stays when a grant names him', () => {
    audit.access([access('sa:team-a/dev', 'team-a/dev')]);
    clock.advance(10_000);
    expect(denied).toEqual([]);
    expect(clock.armed).toBe(0);
  });

  it('stays when another grant than the one that let him in names him', () => {
    audit.access([access('sa:team-a/dev', 'team-a/gone')]);
    clock.advance(10_000);
    expect(denied).toEqual([]);
  });

  it('is put out when the grant has ended meanwhile', () => {
    grants = [];
    audit.access([access('sa:team-a/dev', 'team-a/dev')]);
    clock.advance(4_000);
    expect(denied).toEqual([
      {
        environmentId: ENV,
        match: { identityHash: identityHashOf('sa:team-a/dev'), grant: 'team-a/dev' },
        reason: 'grant_ended',
      },
    ]);
  });

  it('stays when the cache was only late', () => {
    grants = [];
    audit.access([access('sa:team-a/dev', 'team-a/dev')]);
    clock.advance(2_000);
    grants = [grant()];
    clock.advance(10_000);
    expect(denied).toEqual([]);
  });

  it('stays by a grant to his namespace, which alone can tell', () => {
    grants = [grant({ identities: new Set(), namespaces: new Set(['ci']) })];
    audit.access([access('sa:ci/runner', 'team-a/dev'), access('sa:ci/runner', 'team-a/gone')]);
    clock.advance(10_000);
    expect(denied.map(({ match }) => 'grant' in match && match.grant)).toEqual(['team-a/gone']);
  });

  it('is put out by nobody who cannot tell: not before the API server is back', () => {
    [grants, complete] = [[], false];
    audit.access([access('sa:team-a/dev', 'team-a/dev')]);
    clock.advance(60_000);
    expect(denied).toEqual([]);
    complete = true;
    clock.advance(4_000);
    expect(denied).toHaveLength(1);
  });

  it('is put out as a whole when the pod is another one now, and an External one is for its token to decide', () => {
    const firstRegistrationTime = clock.seconds() - 3_600;
    audit.executor({ environmentId: ENV, incarnation: OLD, runtime: 'sidecar', firstRegistrationTime });
    audit.executor({ environmentId: ENV, incarnation: NEW, runtime: 'sidecar', firstRegistrationTime });
    audit.executor({ environmentId: ENV, incarnation: OLD, runtime: 'external', firstRegistrationTime });
    clock.advance(10_000);
    expect(denied).toEqual([{ environmentId: ENV, match: { incarnation: OLD }, reason: 'superseded' }]);
  });

  it('stays for a minute when the pod has only just come, of which a cache that lags has not heard', () => {
    const [LATE, NEVER] = [parseIncarnation('uid-3'), parseIncarnation('uid-4')];
    const firstRegistrationTime = clock.seconds();
    for (const incarnation of [LATE, NEVER]) {
      audit.executor({ environmentId: ENV, incarnation, runtime: 'sidecar', firstRegistrationTime });
    }
    clock.advance(50_000);
    expect(denied).toEqual([]);
    current = LATE;
    clock.advance(20_000);
    expect(denied).toEqual([{ environmentId: ENV, match: { incarnation: NEVER }, reason: 'superseded' }]);
    expect(clock.armed).toBe(0);
  });
});
