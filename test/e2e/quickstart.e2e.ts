import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { cluster } from './cluster-fixture.ts';
import { Kubectl } from './kubectl.ts';
import { helm, installChart, loadProductImage, PRODUCT_IMAGE } from './product.ts';

/** The names of the quickstart's own manifests (config/samples/quickstart). */
const AGENTS = 'agents';
const RELEASE = 'noisefleet';

const samples = join(dirname(dirname(import.meta.dirname)), 'config/samples/quickstart');
const sample = (name: string) => readFileSync(join(samples, `${name}.yaml`), 'utf8');

const relay = z.looseObject({
  status: z.looseObject({
    addresses: z.array(z.looseObject({ registryURL: z.string(), caBundle: z.string() })).min(1),
  }),
});

describe('the quickstart on a real cluster', () => {
  let agents: Kubectl;
  beforeAll(async () => {
    agents = new Kubectl(cluster(), AGENTS);
    await loadProductImage();
    await installChart(RELEASE, RELEASE);
  }, 300_000);
  afterAll(async () => {
    await agents.run(['delete', 'namespace', AGENTS, '--ignore-not-found', '--timeout=60s'], { seconds: 90 });
    await helm('uninstall', RELEASE, '--namespace', RELEASE, '--ignore-not-found');
  });

  it('makes an executor Ready', async () => {
    for (const name of ['namespace', 'relay', 'executor', 'grant', 'developer']) await agents.apply(sample(name));
    await agents.wait('executor/build', 'condition=Ready', 60);
    await agents.wait('relay/main', 'condition=Ready', 10);
  });

  it('runs a command in the workspace container for a Pod that has only its ServiceAccount', async () => {
    await agents.apply(caConfigMap((await relayAddress(agents)).caBundle), ciPod());
    await agents.wait('pod/ci', 'condition=Ready', 60);

    const output = await execFromCi(agents, 'sh', '-c', 'hostname; id -u; ls /var/run/secrets || echo none');

    const [host, user, secrets] = output.trim().split('\n');
    expect(host).toMatch(/^build-/);
    expect(user).not.toBe('0');
    expect(secrets).toBe('none');
  });

  it('refuses the same Pod once its grant is deleted', async () => {
    await agents.run(['delete', 'executorgrant', 'dev']);
    await expect(execFromCi(agents, 'true')).rejects.toThrow(/not_authorized/);
  });
});

async function relayAddress(agents: Kubectl) {
  const [address] = relay.parse(await agents.get('relay', 'main')).status.addresses;
  if (address === undefined) throw new Error('a Relay that is Ready has an address');
  return address;
}

/** `noisefleet exec agents/build -- COMMAND` in the Pod `ci`. @returns what the command printed */
async function execFromCi(agents: Kubectl, ...command: readonly string[]): Promise<string> {
  const { registryURL } = await relayAddress(agents);
  const connection = ['--registry', registryURL, '--token-file', '/token/token', '--ca-file', '/ca/ca.pem'];
  const exec = ['exec', 'ci', '--', 'node', '/app/main.js', 'exec', ...connection, 'agents/build', '--'];
  return agents.run([...exec, ...command], { seconds: 60 });
}

function caConfigMap(caBundle: string) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'ca' }, data: { 'ca.pem': caBundle } };
}

/** What a CI job is: a Pod with a ServiceAccount, a token for the registry, and no other right. */
function ciPod() {
  const token = { serviceAccountToken: { audience: 'noisefleet-connect', path: 'token', expirationSeconds: 600 } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'ci' },
    spec: {
      serviceAccountName: 'dev',
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'ci',
          image: PRODUCT_IMAGE,
          command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1; done'],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          volumeMounts: [
            { name: 'token', mountPath: '/token' },
            { name: 'ca', mountPath: '/ca' },
          ],
        },
      ],
      volumes: [
        { name: 'token', projected: { sources: [token] } },
        { name: 'ca', configMap: { name: 'ca' } },
      ],
    },
  };
}
