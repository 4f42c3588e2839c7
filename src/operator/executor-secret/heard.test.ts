import { describe, expect, it } from 'vitest';
import { recordOf } from '../../keys/index.ts';
import { type EnvironmentReport, parseEnvironmentId, parseFingerprint, parseIncarnation } from '../../wire/index.ts';
import { viewPod } from '../executor-pod/observe.ts';
import { combine } from '../registries/facts.ts';
import { heardKeys } from './heard.ts';

const environmentId = parseEnvironmentId('team-a_build');
const incarnation = parseIncarnation('uid-2');
const fingerprint = parseFingerprint(`SHA256:${'A'.repeat(43)}`);
const sidecar = 'sidecar of team-a_build';

type Acknowledgements = EnvironmentReport['denies'][number]['acknowledgements'];

/** A registry in which k1 is denied, and what else it says. */
const registry = (name: string, acknowledgements: Acknowledgements, more: Partial<EnvironmentReport> = {}) => ({
  name,
  complete: true,
  report: {
    ...{ environmentId, incarnation, registrations: [], revoked: [fingerprint] },
    denies: [
      {
        ...{ id: `deny of ${name}`, environmentId, match: { fingerprint }, reason: 'revoked' as const },
        ...{ since: 1, until: 2, acknowledgements },
      },
    ],
    ...more,
  },
});

const record = recordOf({
  keys: [{ id: 'k1', state: 'Revoked', fingerprint, trigger: 'Initial', creationTime: '2026-11-21T08:00:00Z' }],
  ...{ formerKeys: [], handledRotationRequests: [], keyFailures: [] },
});

const START = Date.parse('2026-11-21T08:00:00Z');

const podIn = (phase: string, status: object = {}) =>
  viewPod({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'build-1', uid: 'uid-2', resourceVersion: '1' },
    status: { phase, ...status },
  });

const heard = (views: Parameters<typeof combine>[0], view = podIn('Running')) =>
  heardKeys({
    ...{ facts: combine(views, 'uid-2'), environmentId, view, fence: 'uid-2', record, startTime: START, now: START },
    relayPods: () => ['main-relay-0', 'main-relay-1'],
  });

const ack = (by: string, uid?: string) => ({
  by,
  time: 1,
  ...(uid !== undefined && { incarnation: parseIncarnation(uid) }),
});

describe('who enforces that a key is revoked', () => {
  it('is every registry that refuses it, and who said so to any of them', () => {
    const keys = heard([registry('r-0', [ack('relay main-relay-0')]), registry('r-1', [ack(sidecar, 'uid-2')])]);
    expect([keys.registries, keys.relays, keys.sidecars]).toEqual([
      ['registry r-0', 'registry r-1'],
      ['relay main-relay-0', 'relay main-relay-1'],
      [sidecar],
    ]);
    const by = ['registry r-0', 'registry r-1', 'relay main-relay-0', sidecar];
    expect([...(keys.acknowledged.get(fingerprint) ?? [])].sort()).toEqual(by);
  });

  it.each([
    ['has not read of it', { report: { ...registry('r-1', []).report, denies: [], revoked: [] } }],
    ['knows nothing of the executor', { report: undefined }],
    ['was not heard to the end', { complete: false }],
  ])('is no registry that %s', (_, more) => {
    const keys = heard([registry('r-0', []), { ...registry('r-1', []), ...more }]);
    expect(keys.registries).toContain('registry r-1');
    expect([...(keys.acknowledged.get(fingerprint) ?? [])]).toEqual(['registry r-0']);
  });

  it('is no sidecar of a pod that counts no more; of a registry of an earlier release, which does not say, it is', () => {
    expect(heard([registry('r-0', [ack(sidecar, 'uid-1')])]).acknowledged.get(fingerprint)).not.toContain(sidecar);
    expect(heard([registry('r-0', [ack(sidecar)])]).acknowledged.get(fingerprint)).toContain(sidecar);
  });

  it('is not asked of relays that a registry of an earlier release knows by other names', () => {
    const { report, ...old } = registry('r-1', [ack('relay boot-1')]);
    const { revoked: _, ...before } = report;
    expect(heard([registry('r-0', []), { ...old, report: before }]).relays).toEqual([]);
  });

  it.each([
    ['Running', {}, true],
    ['Unknown', {}, true],
    ['Pending', { initContainerStatuses: [{ name: 'noisefleet-sidecar', state: { running: {} } }] }, true],
    ['Pending', {}, false],
    ['Failed', {}, false],
  ])('is a sidecar that may run in a pod that is %s with %j: %s', (phase, status, runs) => {
    expect(heard([registry('r-0', [])], podIn(phase, status)).sidecars).toEqual(runs ? [sidecar] : []);
  });
});

describe('what is in memory', () => {
  it('is what the sidecar of the pod that counts says; nobody knows while it does not', () => {
    expect(heard([registry('r-0', []), registry('r-1', [], { loaded: [fingerprint] })]).loaded).toEqual(
      new Set([fingerprint]),
    );
    expect(heard([registry('r-0', [], { loaded: [] })]).loaded).toEqual(new Set());
    expect(heard([registry('r-0', [])]).loaded).toBeUndefined();
    const former = { incarnation: parseIncarnation('uid-1'), loaded: [] };
    expect(heard([registry('r-0', [], former)]).loaded).toBeUndefined();
  });
});

describe('which key is served while no registry says so', () => {
  const serving = podIn('Running', { initContainerStatuses: [{ name: 'noisefleet-sidecar', ready: true }] });
  const delivery = { keys: ['k1'], time: '2026-11-21T09:00:00Z' };
  const DELIVERED = Date.parse(delivery.time);

  it.each([
    ['of a pod that began with it', DELIVERED, DELIVERED, true],
    ['not of one that may have mounted another', DELIVERED - 1_000, DELIVERED + 79_000, false],
    ['of one that must have mounted it by now', DELIVERED - 1_000, DELIVERED + 80_000, true],
  ])('is the only one in the Secret %s', (_, startTime, now, isServed) => {
    const keys = record.keys.map((key) => ({ ...key, state: 'Prepared' as const }));
    const prepared = { ...record, keys, delivery };
    const { present } = heardKeys({
      ...{ facts: combine([], 'uid-2'), environmentId, view: serving, fence: 'uid-2', record: prepared },
      ...{ startTime, now, relayPods: () => [] },
    });
    expect([...present]).toEqual(isServed ? [fingerprint] : []);
  });
});
