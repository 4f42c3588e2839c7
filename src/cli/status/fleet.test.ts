import { describe, expect, it } from 'vitest';
import { API_VERSION } from '../../api/index.ts';
import { executors, relays } from '../cluster/kinds.ts';
import { type Observed, summariseFleet } from './fleet.ts';
import { fleetText, nameText, wideText } from './fleet-text.ts';

const NOW = Date.parse('2026-11-21T08:00:00Z');

interface Told {
  readonly type?: string;
  readonly status: string;
  readonly reason: string;
  readonly message?: string;
}

function object(kind: string, key: string, spec: object, status: object, conditions: readonly Told[], seen = 1) {
  const [namespace = '', name = ''] = key.split('/');
  const creationTimestamp = '2026-11-20T08:00:00Z';
  const metadata = { namespace, name, uid: 'u', resourceVersion: '1', generation: 1, creationTimestamp };
  const all = conditions.map((each) => ({
    type: 'Ready',
    message: '',
    lastTransitionTime: creationTimestamp,
    ...each,
  }));
  return {
    apiVersion: API_VERSION,
    kind,
    metadata,
    spec,
    status: { observedGeneration: seen, conditions: all, ...status },
  };
}

function executor(key: string, conditions: readonly Told[], status: object = {}, seen = 1) {
  const spec = { relayRef: { name: 'main', namespace: 'agents' } };
  return executors.parse(object('Executor', key, spec, status, conditions, seen));
}

function relay(status: object = {}, conditions: readonly Told[] = [{ status: 'True', reason: 'Available' }]) {
  return relays.parse(object('Relay', 'agents/main', { replicas: 2 }, status, conditions));
}

const registered = { status: 'True', reason: 'Registered' };
const full = { readyReplicas: 2, registry: { replicas: 1, readyReplicas: 1 } };
const MESSAGE = 'Relay agents/main does not allow namespace team-b.\nAsk its owner.';

const mixed: Observed = {
  all: true,
  relays: [relay(full)],
  executors: [
    executor('team-a/build', [registered], {
      sessions: { count: 2 },
      activeKeyID: 'k3',
      pod: { name: 'build-1', uid: 'p', attempt: 1 },
      nextRotationTime: '2027-01-22T08:00:00Z',
    }),
    executor('team-b/old', [
      { status: 'False', reason: 'Stalled', message: MESSAGE },
      { type: 'Stalled', status: 'True', reason: 'RelayNotAllowed', message: MESSAGE },
    ]),
    executor('team-a/gpu', [{ status: 'Unknown', reason: 'PodPending', message: '0/2 nodes are available.' }]),
    executor('team-a/away', [{ status: 'False', reason: 'Suspended', message: 'as asked' }]),
    executor('team-a/cut', [{ status: 'False', reason: 'Disconnected', message: 'no relay' }]),
  ],
};

describe('the status of a fleet', () => {
  it('counts executors by state and says why those are not ready that are not', () => {
    expect(fleetText(summariseFleet(mixed), (_state, text) => text)).toBe(
      [
        'RELAY agents/main   2/2 relays · 1/1 registries · 5 executors · 2 sessions',
        'EXECUTORS           1 Ready · 1 Progressing · 1 not Ready · 1 Suspended · 1 Stalled',
        '  team-a/cut   not Ready     Disconnected      no relay',
        '  team-a/gpu   Progressing   PodPending        0/2 nodes are available.',
        '  team-b/old   Stalled       RelayNotAllowed   Relay agents/main does not allow namespace team-b. Ask its owner.',
        '',
      ].join('\n'),
    );
  });

  it('lists every executor when asked for more', () => {
    const text = wideText(summariseFleet(mixed), (_state, text) => text, NOW);
    expect(text).toContain(
      'team-a/build   Ready         Registered        agents/main   k3    in 62d    2         BuiltIn   build-1   24h',
    );
    expect(text).toContain('team-a/away    Suspended     Suspended         agents/main   –     –         –');
  });

  it('gives names as kubectl does', () => {
    expect(nameText(summariseFleet(mixed))).toContain('relay.noisefleet.dev/main\nexecutor.noisefleet.dev/away\n');
  });

  it('is ready while all is as it was asked to be, suspended ones too', () => {
    const calm = mixed.executors.filter(({ metadata }) => ['build', 'away'].includes(metadata.name));
    expect(summariseFleet({ ...mixed, executors: calm }).ready).toBe(true);
    expect(summariseFleet(mixed).ready).toBe(false);
  });

  it('is not ready while a relay is not', () => {
    const rolling = relay(full, [{ status: 'Unknown', reason: 'RollingOut', message: '1 of 2 replicas.' }]);
    const fleet = summariseFleet({ ...mixed, relays: [rolling], executors: [] });
    expect(fleet.ready).toBe(false);
    expect(fleetText(fleet, (_state, text) => text)).toContain(
      '  agents/main   Progressing   RollingOut   1 of 2 replicas.',
    );
  });

  it('does not take what was said of an older spec for the present', () => {
    const [state] = summariseFleet({ ...mixed, executors: [executor('a/b', [registered], {}, 0)] }).executors;
    expect(state?.state).toBe('Progressing');
  });

  it.each([
    [
      'sessions, when one ready executor does not know its own',
      mixed.executors.concat(executor('a/b', [registered])),
      true,
    ],
    ['sessions and executors of a relay, when not all are seen', mixed.executors, false],
  ])('leaves out %s', (_name, seen, all) => {
    const [standing] = summariseFleet({ relays: [relay()], executors: seen, all }).relays;
    expect(standing).toEqual(expect.objectContaining({ sessions: undefined, relays: undefined }));
    expect(standing?.executors).toBe(all ? seen.length : undefined);
  });

  it('shows what this version cannot read as such', () => {
    const odd = executors.parse(object('Executor', 'a/b', { runtime: { type: 'Newer' } }, {}, []));
    expect(summariseFleet({ relays: [], executors: [odd], all: false }).executors).toEqual([
      { namespace: 'a', name: 'b', state: 'Unreadable', message: expect.stringContaining('spec.runtime') },
    ]);
  });
});
