import { beforeAll, describe, expect, it } from 'vitest';
import { cluster } from './cluster-fixture.ts';
import { askedSince } from './isolation/audit.ts';
import { ours, useFleet } from './isolation/fleet.ts';
import { documentedRights, type Right, rightsOf } from './isolation/rights.ts';
import { podNameOf, serviceAccountOf } from './isolation/tokens.ts';
import { until } from './isolation/until.ts';
import { Kubectl } from './kubectl.ts';
import { RELEASE } from './product.ts';

/** Two more rollouts of a Relay, and two more pods of executors. Milliseconds. */
const WORK_LIMIT_MS = 300_000;

/** Rights that a run of some minutes does not use, each with what uses it. */
const SELDOM: ReadonlyMap<Right, string> = new Map([
  ['update noisefleet.dev/relays/finalizers', 'asked for by the admission plugin OwnerReferencesPermissionEnforcement'],
  [
    'update noisefleet.dev/executors/finalizers',
    'asked for by the admission plugin OwnerReferencesPermissionEnforcement',
  ],
  ['update /secrets', 'certificates, ticket keys and keys that are renewed'],
  ['patch events.k8s.io/events', 'an event that happens again and again'],
  ['patch /pods', 'the poke of a pod whose key changed'],
  ['get noisefleet.dev/executors', 'a cache that is asked about before a pod is ended'],
  [
    'get admissionregistration.k8s.io/validatingadmissionpolicies=noisefleet-keys',
    'somebody who is named as asking for a key',
  ],
  ['get admissionregistration.k8s.io/validatingadmissionpolicybindings=noisefleet-keys', 'the same'],
]);

const userOf = (namespace: string, serviceAccount: string) => `system:serviceaccount:${namespace}:${serviceAccount}`;

describe('the rights of the product in a cluster', () => {
  const started = new Date();
  const fleet = useFleet();
  const { front, team } = fleet;
  const OPERATOR = userOf(RELEASE, 'noisefleet-operator');
  const registry = () => userOf(front.name, 'noisefleet-registry');

  /** What docs/rbac.md gives to a part in a namespace. */
  const documented = (to: string, namespace: string, enabled: readonly string[]) =>
    documentedRights()
      .filter((each) => each.to === to)
      .filter(({ place }) => {
        if (place === 'in each enabled namespace') return enabled.includes(namespace);
        return place === 'cluster-wide' || namespace === RELEASE;
      })
      .map(({ right }) => right)
      .sort();

  /** What somebody may do beyond what everybody may. */
  const beyondEverybody = async (user: string, namespace: string) => {
    const kubectl = new Kubectl(cluster(), namespace);
    const everybody = await rightsOf(kubectl, userOf('default', 'nobody'), namespace);
    return [...(await rightsOf(kubectl, user, namespace))].filter((right) => !everybody.has(right)).sort();
  };

  const budgets = async () => (await front.kubectl.run(['get', 'pdb', '-o', 'name'])).split('\n').length - 1;

  beforeAll(async () => {
    const selector = { matchLabels: { 'kubernetes.io/metadata.name': team.name } };
    const relay = (replicas: number) =>
      ours('Relay', 'main', { replicas, registry: { replicas }, allowedNamespaces: { from: 'Selector', selector } });
    await front.kubectl.apply(relay(2));
    const workspace = { type: 'Persistent', persistent: { size: '1Gi' } };
    const relayRef = { name: 'main', namespace: front.name };
    await team.kubectl.apply(ours('Executor', 'kept', { relayRef, workspace }));
    await team.kubectl.wait('executor/kept', 'condition=Ready', 120);
    await front.kubectl.wait('relay/main', 'condition=Ready', 120);
    await until(budgets, (count) => count === 2);
    await front.kubectl.apply(relay(1));
    await team.kubectl.apply(ours('Executor', 'kept', { relayRef, workspace, operatingMode: 'Suspended' }));
    await until(budgets, (count) => count === 0);
    await team.kubectl.wait('executor/kept', 'jsonpath={.status.conditions[?(@.type=="Ready")].reason}=Suspended', 60);
  }, WORK_LIMIT_MS);

  it('are those that docs/rbac.md lists, in enabled namespaces and elsewhere', async () => {
    for (const namespace of [front.name, team.name, RELEASE, 'default']) {
      const operator = documented('noisefleet-operator', namespace, [front.name, team.name]);
      expect({ namespace, rights: await beyondEverybody(OPERATOR, namespace) }).toEqual({
        namespace,
        rights: operator,
      });
      const registries = documented('noisefleet-registry', namespace, [front.name]);
      expect({ namespace, rights: await beyondEverybody(registry(), namespace) }).toEqual({
        namespace,
        rights: registries,
      });
    }
  });

  it('are none for relays and executors', async () => {
    const relayPod = await podNameOf(front.kubectl, 'app.kubernetes.io/component=relay');
    const relay = userOf(front.name, await serviceAccountOf(front.kubectl, relayPod));
    const executor = userOf(team.name, 'default');
    for (const user of [relay, executor, userOf(team.name, 'dev')]) {
      for (const namespace of [front.name, team.name, RELEASE])
        expect(await beyondEverybody(user, namespace)).toEqual([]);
    }
  });

  it.each([
    ['Secrets of all namespaces', ['get', 'secrets', '-A']],
    ['Secrets where it is not enabled', ['get', 'secrets', '-n', 'default']],
    ['a shell in a pod', ['exec', 'client', '--', 'true']],
    ['rights for itself', ['create', 'rolebinding', 'mine', '--clusterrole=admin', `--serviceaccount=${RELEASE}:x`]],
    ['a token of somebody else', ['create', 'token', 'dev']],
    ['an executor of its own', ['delete', 'executor', 'build']],
  ])('refuse the operator %s', async (_what, call) => {
    await expect(team.kubectl.run(['--as', OPERATOR, ...call])).rejects.toThrow(/forbidden/i);
  });

  it('are enough for all that the product asks, and each of them is used', () => {
    const asked = askedSince(started);
    for (const [user, to] of [
      [OPERATOR, 'noisefleet-operator'],
      [registry(), 'noisefleet-registry'],
    ] as const) {
      const calls = asked.get(user) ?? [];
      expect(calls.filter(({ refused }) => refused)).toEqual([]);
      const used = new Set(calls.flatMap(({ right, name }) => [right, `${right}=${name}`]));
      const granted = new Set(
        documentedRights()
          .filter((each) => each.to === to)
          .map(({ right }) => right),
      );
      expect([...granted].filter((right) => !used.has(right) && !SELDOM.has(right))).toEqual([]);
    }
  });
});
