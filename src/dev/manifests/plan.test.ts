import { describe, expect, it } from 'vitest';
import { parseManifests } from '../../api/index.ts';
import { planOf } from './plan.ts';

const resource = (kind: string, metadata: object, spec?: object) => ({
  apiVersion: 'noisefleet.dev/v1alpha1',
  kind,
  metadata,
  spec,
});
const relay = (spec?: object) => resource('Relay', { name: 'main' }, spec);
const executor = (name: string, spec: object = {}, metadata: object = {}) =>
  resource('Executor', { name, ...metadata }, { relayRef: { name: 'main' }, ...spec });
const grant = (name: string, spec: object) => resource('ExecutorGrant', { name }, spec);

function outcomeOf(...resources: object[]) {
  const parsed = parseManifests(
    resources.map((each, index) => ({ file: `${index}.json`, text: JSON.stringify(each) })),
  );
  expect(parsed.problems).toEqual([]);
  return planOf(parsed.resources);
}

function planned(...resources: object[]) {
  const outcome = outcomeOf(...resources);
  if ('problems' in outcome) throw new Error(outcome.problems.join('\n'));
  return outcome.plan;
}

describe('the plan of a machine', () => {
  it('takes over what an executor says', () => {
    const spec = {
      runtime: { type: 'Codex' },
      sandbox: { mode: 'Enforce' },
      workspace: { type: 'Ephemeral', path: '/tmp/w' },
      keys: { rotation: { overlap: '5s' } },
    };
    const annotations = { 'noisefleet.dev/rotate-requested-at': 'now' };
    const { environments } = planned(relay(), executor('demo', spec, { annotations, labels: { tier: 'ci' } }));
    expect(environments).toEqual([
      {
        id: 'default_demo',
        namespace: 'default',
        name: 'demo',
        runtime: 'Codex',
        sandbox: 'enforce',
        workspace: '/tmp/w',
        labels: { tier: 'ci' },
        keys: {
          policy: { period: 7_776_000_000, overlap: 5000, windows: [], deletionPolicy: 'Destroy' },
          rotation: { value: 'now', trigger: 'Annotation', proven: false },
          revocation: undefined,
        },
        client: 'sa:default/dev',
      },
    ]);
  });

  it('lets nobody in without a grant, and a null selector selects nothing', () => {
    const subjects = [{ kind: 'ServiceAccount', name: 'dev' }];
    expect(planned(relay(), executor('demo')).grants).toEqual([]);
    expect(planned(relay(), executor('demo'), grant('g', { subjects, executorSelector: null })).grants).toEqual([
      { name: 'default/g', identities: ['sa:default/dev'], environments: [] },
    ]);
  });

  it('reaches by labels and namespace only', () => {
    const subjects = [{ kind: 'ServiceAccount', name: 'runner', namespace: 'ci' }];
    const { grants, environments, identities } = planned(
      relay({ allowedNamespaces: { from: 'All' } }),
      executor('a', {}, { labels: { tier: 'ci' } }),
      executor('b'),
      executor(
        'c',
        { relayRef: { name: 'main', namespace: 'default' } },
        { namespace: 'other', labels: { tier: 'ci' } },
      ),
      grant('g', {
        subjects,
        executorSelector: { matchLabels: { tier: 'ci' } },
        expirationTime: '2027-01-01T00:00:00Z',
      }),
    );
    expect(grants).toEqual([
      {
        name: 'default/g',
        identities: ['sa:ci/runner'],
        environments: ['default_a'],
        expirationTime: '2027-01-01T00:00:00Z',
      },
    ]);
    expect(environments.map(({ client }) => client)).toEqual(['sa:ci/runner', 'sa:default/dev', 'sa:other/dev']);
    expect(identities).toEqual(['sa:ci/runner', 'sa:default/dev', 'sa:other/dev']);
  });

  it('resolves a group to the ServiceAccounts of its namespace and no others', () => {
    const { grants } = planned(
      relay(),
      executor('a'),
      grant('g', { subjects: [{ kind: 'Group', name: 'system:serviceaccounts:ci' }], executorSelector: {} }),
      grant('h', { subjects: [{ kind: 'ServiceAccount', name: 'x', namespace: 'ci-2' }], executorSelector: {} }),
    );
    expect(grants[0]?.identities).toEqual(['sa:ci/dev']);
  });

  it.each([
    ['no relay', [executor('demo')], 'There is no Relay among the manifests: dev needs one.'],
    [
      'two relays',
      [relay(), resource('Relay', { name: 'second' })],
      'dev runs one Relay; the manifests have Relay default/main, Relay default/second.',
    ],
    [
      'a relay that is not there',
      [relay(), executor('demo', { relayRef: { name: 'mian' } })],
      'Executor default/demo is stalled (RelayNotFound): there is no Relay default/mian. Set spec.relayRef to one of: default/main.',
    ],
    [
      'a relay that does not allow the namespace',
      [relay(), executor('demo', { relayRef: { name: 'main', namespace: 'default' } }, { namespace: 'team-b' })],
      'Executor team-b/demo is stalled (RelayNotAllowed): Relay default/main does not allow namespace team-b. Set its spec.allowedNamespaces, for example to {from: All}.',
    ],
  ])('refuses %s', (_name, resources, problem) => {
    expect(outcomeOf(...resources)).toEqual({ problems: [problem] });
  });

  it('says which settings only a cluster can follow', () => {
    const template = { spec: { containers: [{ name: 'workspace', image: 'golang:1.26' }] } };
    const { notes } = planned(relay({ replicas: 2 }), executor('demo', { template }));
    expect(notes).toEqual([
      'Executor default/demo: spec.template is for a cluster; here commands run as you, on this machine.',
      'Relay default/main: one relay and one registry run here, whatever spec.replicas says.',
    ]);
  });
});
