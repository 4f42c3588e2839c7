import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { environmentIdOf, parseIncarnation } from '../../wire/index.ts';
import type { DirectoryChange } from '../directory/directory.ts';
import type { TokenProof } from './authenticator.ts';
import { ClusterDirectory } from './cluster-directory.ts';
import { POD, RELAY, someExecutor, someGrant, someKey } from './testing/facts.ts';

const BUILD = environmentIdOf('team-a', 'build');
const LAPTOP = environmentIdOf('team-a', 'laptop');
const RUNNER = 'sa:team-a/runner';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('ClusterDirectory', () => {
  let clock: ManualClock;
  let directory: ClusterDirectory;
  let heard: DirectoryChange[];
  let proof: TokenProof;

  beforeEach(() => {
    clock = new ManualClock();
    proof = { outcome: 'unknown' };
    directory = new ClusterDirectory({ relay: RELAY, clock, authenticator: { authenticate: async () => proof } });
    heard = [];
    directory.subscribe((changes) => heard.push(...changes));
    directory.setRelay({ allowed: 'All', replicas: 1 });
    directory.setExecutor('team-a', 'build', someExecutor());
    directory.setGrant('team-a', 'ci', someGrant());
    directory.setComplete(true);
  });

  const settle = () => {
    heard.length = 0;
    clock.advance(10);
  };
  const show = (token: { name?: string; namespace?: string; pod?: { name: string; uid: string } }) => {
    const { name = 'runner', namespace = 'team-a', pod } = token;
    proof = { outcome: 'proven', token: { namespace, name, uid: 'u', pod, expiresAt: 0 } };
  };

  it('is synced when it is told that all lists were read, and has heard no news by them', () => {
    const fresh = new ClusterDirectory({ relay: RELAY, clock, authenticator: { authenticate: async () => proof } });
    fresh.setExecutor('team-a', 'build', someExecutor());
    expect([fresh.synced(), fresh.environment(BUILD)]).toEqual([false, undefined]);
    expect(directory.synced()).toBe(true);
    expect(heard).toEqual([]);
  });

  it('lets in whom a grant names, to what its selector selects in its own namespace', () => {
    expect(directory.grantFor(RUNNER, BUILD)).toBe('team-a/ci');
    expect(directory.grantFor('sa:team-b/runner', BUILD)).toBeUndefined();
    directory.setExecutor('team-b', 'build', someExecutor({ namespace: 'team-b' }));
    settle();
    expect(directory.grantFor(RUNNER, environmentIdOf('team-b', 'build'))).toBeUndefined();
  });

  it.each([
    ['no selector', { selector: undefined }, false],
    ['an empty selector', { selector: {} }, true],
    ['another label', { selector: { matchLabels: { tier: 'prod' } } }, false],
    ['the whole namespace of the caller', { identities: [], namespaces: ['team-a'] }, true],
    ['a namespace whose name only begins alike', { identities: [], namespaces: ['team'] }, false],
  ])('with %s lets the runner in: %o %s', (_, change, allowed) => {
    directory.setGrant('team-a', 'ci', someGrant(change));
    settle();
    expect(directory.grantFor(RUNNER, BUILD) !== undefined).toBe(allowed);
  });

  it('tells that access ended when the grant is deleted, edited or expires, or the executor is relabelled', () => {
    const ended = { type: 'access_ended', environmentId: BUILD, identity: RUNNER };
    directory.setGrant('team-a', 'ci', undefined);
    settle();
    expect(heard).toContainEqual(ended);
    directory.setGrant('team-a', 'ci', someGrant({ expiresAt: clock.now() + 7_200_000 }));
    settle();
    expect(heard).toContainEqual({ ...ended, type: 'access_given' });
    heard.length = 0;
    clock.advance(7_200_000);
    expect(heard).toContainEqual(ended);
    directory.setGrant('team-a', 'ci', someGrant());
    settle();
    directory.setExecutor('team-a', 'build', someExecutor({ labels: {} }));
    settle();
    expect(heard).toContainEqual(ended);
  });

  it('tells nothing when another grant still allows the same', () => {
    directory.setGrant('team-a', 'other', someGrant({ name: 'other', identities: [], namespaces: ['team-a'] }));
    settle();
    directory.setGrant('team-a', 'ci', undefined);
    settle();
    expect(heard).toEqual([]);
  });

  it('tells the end of a grant to a namespace as a whole, and of those seen here one by one', async () => {
    directory.setGrant('team-a', 'ci', someGrant({ identities: [], namespaces: ['team-a'] }));
    show({ name: 'seen' });
    await directory.authenticateClient('x');
    settle();
    directory.setGrant('team-a', 'ci', undefined);
    settle();
    expect(heard).toContainEqual({ type: 'grant_ended', environmentId: BUILD, grant: 'team-a/ci' });
    expect(heard).toContainEqual({ type: 'access_ended', environmentId: BUILD, identity: 'sa:team-a/seen' });
  });

  it('moves the fence with status.pod.uid, and remembers the pods before', () => {
    const next = parseIncarnation('pod-uid-2');
    directory.setExecutor('team-a', 'build', someExecutor({ fence: next }));
    settle();
    expect(heard).toContainEqual({ type: 'fence_moved', environmentId: BUILD, former: POD.uid });
    expect(directory.environment(BUILD)?.fence).toEqual({ current: next, former: [POD.uid] });
  });

  it('knows a pod of the namespace by its UID, whoever it says that it is, and leaves the fence to the caller', async () => {
    show({ pod: { name: 'attacker', uid: 'pod-uid-9' } });
    expect(await directory.authenticateExecutor('x', BUILD)).toEqual({
      outcome: 'proven',
      environmentId: BUILD,
      incarnation: 'pod-uid-9',
    });
  });

  it.each([
    ['a pod of another namespace', { namespace: 'team-b', pod: POD }],
    ['a token that is bound to no pod', {}],
  ])('takes %s for nobody', async (_, token) => {
    show(token);
    expect(await directory.authenticateExecutor('x', BUILD)).toEqual({ outcome: 'unknown' });
  });

  it('tells a pod that is gone from the API that another one has its place', async () => {
    proof = {
      outcome: 'withdrawn',
      token: { namespace: 'team-a', name: 'x', uid: 'u', pod: { name: 'old', uid: 'old' }, expiresAt: 0 },
    };
    expect(await directory.authenticateExecutor('x', BUILD)).toMatchObject({ outcome: 'proven', incarnation: 'old' });
    expect(directory.environment(BUILD)?.fence.former).toEqual(['old']);
  });

  it('cannot tell about an executor that it never saw, and knows one that was deleted', async () => {
    show({ pod: POD });
    expect(await directory.authenticateExecutor('x', environmentIdOf('team-a', 'new'))).toEqual({
      outcome: 'unavailable',
    });
    directory.setExecutor('team-a', 'build', undefined);
    settle();
    expect(await directory.authenticateExecutor('x', BUILD)).toMatchObject({ outcome: 'proven' });
    expect(directory.environment(BUILD)).toBeUndefined();
  });

  it('takes two registration tokens of an External executor while they are changed, without asking anybody', async () => {
    const tokens = (...listed: [string, number][]) =>
      directory.setExecutor(
        'team-a',
        'laptop',
        someExecutor({
          name: 'laptop',
          runtime: 'External',
          fence: undefined,
          registrationTokens: listed.map(([text, expiresAt]) => ({ sha256: sha256(text), expiresAt })),
        }),
      );
    tokens(['old', clock.now() + 60_000], ['new', Number.POSITIVE_INFINITY]);
    settle();
    const proven = { outcome: 'proven', environmentId: LAPTOP, incarnation: undefined };
    expect(await directory.authenticateExecutor('old', LAPTOP)).toEqual(proven);
    expect(await directory.authenticateExecutor('new', LAPTOP)).toEqual(proven);
    clock.advance(60_000);
    expect(await directory.authenticateExecutor('old', LAPTOP)).toEqual({ outcome: 'expired' });
    tokens(['new', Number.POSITIVE_INFINITY]);
    settle();
    expect(await directory.authenticateExecutor('old', LAPTOP)).toEqual({ outcome: 'unknown' });
    show({ pod: POD });
    expect(await directory.authenticateExecutor('a pod’s token', LAPTOP)).toEqual({ outcome: 'unknown' });
  });

  it.each([
    ['of another relay', { relay: { namespace: 'agents', name: 'other' } }, 'All', false],
    ['that the operator refused', { accepted: false }, 'All', false],
    ['of another namespace than the relay’s', {}, 'Same', false],
    ['that the operator has not looked at', { accepted: undefined }, 'Selector', false],
    ['that the operator has not looked at', { accepted: undefined }, 'All', true],
    ['that the operator accepted', {}, 'Selector', true],
  ] as const)('has an executor %s %o by namespaces %s: %s', (_, change, allowed, served) => {
    directory.setRelay({ allowed, replicas: 1 });
    directory.setExecutor('team-a', 'build', someExecutor(change));
    settle();
    expect(directory.environment(BUILD) !== undefined).toBe(served);
  });

  it('serves nobody when its Relay is deleted, and tells so', () => {
    directory.setRelay(undefined);
    settle();
    expect(directory.environment(BUILD)).toBeUndefined();
    expect(heard).toContainEqual({ type: 'fence_moved', environmentId: BUILD, former: POD.uid });
  });

  it('remembers a key that is no longer listed as destroyed, and tells of a revoked one', () => {
    const key = someKey('a');
    directory.setExecutor('team-a', 'build', someExecutor({ keys: [key] }));
    settle();
    directory.setExecutor('team-a', 'build', someExecutor({ keys: [{ ...key, state: 'Revoked' }] }));
    settle();
    expect(heard).toContainEqual({ type: 'key_revoked', environmentId: BUILD, fingerprint: key.fingerprint });
    directory.setExecutor('team-a', 'build', someExecutor({ keys: [] }));
    settle();
    expect(directory.environment(BUILD)?.keys).toEqual([{ ...key, state: 'Revoked' }]);
  });
});
