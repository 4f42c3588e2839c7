import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KINDS } from '../../src/api/index.ts';
import { clientPod, noisefleetIn, type RelayAddress, relayAddress } from './client-pod.ts';
import { cluster } from './cluster-fixture.ts';
import { Kubectl } from './kubectl.ts';
import { installChart, loadProductImage, RELEASE, uninstallProduct } from './product.ts';

/** The namespace of the quickstart's own manifests. */
const AGENTS = 'agents';
const SAMPLES = join(dirname(dirname(import.meta.dirname)), 'config/samples/quickstart');

describe('the quickstart on a real cluster', () => {
  let agents: Kubectl;
  let address: RelayAddress;

  beforeAll(async () => {
    agents = new Kubectl(cluster(), AGENTS);
    await loadProductImage();
    await uninstallProduct();
    // What charts before this one have left: the cluster shall be empty.
    const definitions = KINDS.map(({ plural }) => `${plural}.noisefleet.dev`);
    await agents.run(['delete', 'crd', ...definitions, '--ignore-not-found'], { seconds: 60 });
  }, 300_000);
  afterAll(async () => {
    await agents.run(['delete', '-f', SAMPLES, '--ignore-not-found', '--timeout=60s'], { seconds: 90 });
    await uninstallProduct();
  });

  it('installs and makes an executor Ready by the commands of the documentation', async () => {
    await timed('helm install --wait', () => installChart(RELEASE, RELEASE));
    await timed('kubectl apply … kubectl wait', async () => {
      await agents.run(['apply', '-f', SAMPLES]);
      await agents.run(['wait', '--for=condition=Ready', 'executor/build', '-n', AGENTS, '--timeout=90s'], {
        seconds: 120,
      });
    });
    await agents.wait('relay/main', 'condition=Ready', 30);
  });

  it('runs a command in the workspace container for a Pod that has only its ServiceAccount', async () => {
    address = await relayAddress(agents);
    await agents.apply(...clientPod({ name: 'ci', serviceAccount: 'dev' }, address));
    await agents.wait('pod/ci', 'condition=Ready', 60);

    const shell = ['sh', '-c', 'hostname; id -u; ls /var/run/secrets || echo none'];
    const output = await noisefleetIn(agents, 'ci', address, ['exec', 'agents/build', '--', ...shell]);

    const [host, user, secrets] = output.trim().split('\n');
    expect(host).toMatch(/^build-/);
    expect(user).not.toBe('0');
    expect(secrets).toBe('none');
  });

  it('refuses the same Pod once its grant is deleted', async () => {
    await agents.run(['delete', 'executorgrant', 'dev']);
    const refused = noisefleetIn(agents, 'ci', address, ['exec', 'agents/build', '--', 'true']);
    await expect(refused).rejects.toThrow(/not_authorized/);
  });
});

/** What a newcomer waits for is printed, and only that: a slow machine fails no test. */
async function timed(what: string, work: () => Promise<void>): Promise<void> {
  const started = performance.now();
  await work();
  process.stdout.write(`  ${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s  ${what}\n`);
}
