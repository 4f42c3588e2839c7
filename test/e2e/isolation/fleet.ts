import { afterAll, beforeAll } from 'vitest';
import { z } from 'zod';
import { clientPod, noisefleetIn, type RelayAddress, relayAddress } from '../client-pod.ts';
import { type SuiteNamespace, useNamespace } from '../cluster-fixture.ts';
import { useProduct } from '../product.ts';

/** A Relay, an executor that registers, a client pod: on a slow machine. Milliseconds. */
const SET_UP_LIMIT_MS = 240_000;

const executor = z.looseObject({
  status: z.looseObject({
    environmentID: z.string(),
    pod: z.looseObject({ name: z.string(), uid: z.string() }),
    keys: z.array(z.looseObject({ id: z.string(), state: z.string() })),
  }),
});

/** One Relay in a namespace of its own, one executor of a team, and somebody of the team who may connect. */
export interface Fleet {
  /** Of the Relay `main`. */
  readonly front: SuiteNamespace;
  /** Of the Executor `build` and of the client pod. */
  readonly team: SuiteNamespace;
  readonly address: RelayAddress;
  /** `noisefleet exec build -- COMMAND` by the client. @returns what the command printed */
  exec(command: readonly string[]): Promise<string>;
  /** The status of the Executor, with a pod that is the fence. */
  status(): Promise<z.infer<typeof executor>['status']>;
}

/** Installs the product for the suite around it, with namespaces enabled by the chart's own values, and takes it all away again. */
export function useFleet(): Fleet {
  const front = useNamespace('front');
  const team = useNamespace('team');
  useProduct({ relayNamespaces: `{${front.name}}`, executorNamespaces: `{${team.name}}` });
  let address: RelayAddress | undefined;
  const known = () => {
    if (address === undefined) throw new Error('the fleet is there after beforeAll');
    return address;
  };
  beforeAll(async () => {
    await front.kubectl.apply(ours('Relay', 'main', { allowedNamespaces: { from: 'All' } }));
    await team.kubectl.apply(...teamObjects(front.name));
    await front.kubectl.wait('relay/main', 'condition=Ready', 90);
    await team.kubectl.wait('executor/build', 'condition=Ready', 90);
    address = await relayAddress(front.kubectl);
    await team.kubectl.apply(...clientPod({ name: 'client', serviceAccount: 'dev' }, address));
    await team.kubectl.wait('pod/client', 'condition=Ready', 60);
  }, SET_UP_LIMIT_MS);
  afterAll(async () => {
    await team.kubectl.run(['delete', 'executor', '--all', '--timeout=60s'], { seconds: 90 });
    await front.kubectl.run(['delete', 'relay', '--all', '--timeout=60s'], { seconds: 90 });
  });
  return {
    front,
    team,
    get address() {
      return known();
    },
    exec: (command) => noisefleetIn(team.kubectl, 'client', known(), ['exec', `${team.name}/build`, '--', ...command]),
    status: async () => executor.parse(await team.kubectl.get('executor', 'build')).status,
  };
}

/** An object of our API in the namespace of the kubectl that applies it. */
export function ours(kind: string, name: string, spec: object): Record<string, unknown> {
  return { apiVersion: 'noisefleet.dev/v1alpha1', kind, metadata: { name }, spec };
}

function teamObjects(front: string): Record<string, unknown>[] {
  const subject = { apiGroup: '', kind: 'ServiceAccount', name: 'dev' };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'dev' }, automountServiceAccountToken: false },
    ours('Executor', 'build', { relayRef: { name: 'main', namespace: front } }),
    ours('ExecutorGrant', 'dev', { subjects: [subject], executorSelector: {} }),
  ];
}
