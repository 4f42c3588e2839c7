import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { spawn as spawnTerminal } from '@lydell/node-pty';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANNOTATIONS } from '../../src/api/index.ts';
import { type Cluster, connectToCluster } from '../../src/kube/index.ts';
import { executors } from '../../src/operator/own-kinds.ts';
import { systemClock } from '../../src/telemetry/index.ts';
import { useEnabledNamespace } from './agents-namespace.ts';
import { cluster } from './cluster-fixture.ts';
import { FLEET_SELECTOR, PlayedFleet } from './duties/played-fleet.ts';
import { RELEASE, useProduct } from './product.ts';
import { PRODUCT_IMAGE } from './product-image.ts';
import { untilAll } from './until.ts';

/** The size for CI; `bench/rows/K5.ts` is of a thousand. */
const EXECUTORS = 50;
/** Then the first call is stopped. */
const ASKED_FIRST = 10;
const START_SECONDS = 120;

const MAIN = join(import.meta.dirname, '../../src/cli/main.mjs');
const REQUEST = 'command/CHG-1042';

describe('one command that rotates many executors', () => {
  useProduct({ 'operator.replicas': '0' });
  const { name: namespace } = useEnabledNamespace('campaign');
  let connection: Cluster;
  let fleet: PlayedFleet;
  const command = [
    'rotate',
    '-n',
    namespace,
    '-l',
    FLEET_SELECTOR,
    '--wait',
    '--request',
    'CHG-1042',
    '--reason',
    'q4',
  ];
  const env = () => ({ PATH: process.env.PATH, HOME: '/nonexistent', KUBECONFIG: cluster().kubeconfig });

  beforeAll(async () => {
    const { kubeconfig } = cluster();
    connection = await connectToCluster({ kubeconfig, clock: systemClock, userAgent: 'noisefleet-e2e' });
    const release = { namespace: RELEASE, serviceAccount: 'noisefleet-operator', keysPolicy: 'noisefleet-keys' };
    fleet = new PlayedFleet({ api: connection.api, namespace, release, image: PRODUCT_IMAGE, size: EXECUTORS });
    await fleet.start(START_SECONDS);
  }, START_SECONDS * 2_000);
  afterAll(async () => {
    await fleet?.stop();
    await connection?.close();
  });

  const asked = (least: number) =>
    untilAll(connection.api, executors, { namespace, what: `${least} that were asked` }, (objects) => {
      const all = [...objects.values()];
      const found = all.filter(({ metadata }) => metadata.annotations[ANNOTATIONS.rotateRequestedAt] === REQUEST);
      return found.length >= least && found.length;
    });

  it('is stopped, says who has not got it, and how to go on', async () => {
    const child = spawn(process.execPath, [MAIN, ...command, '--rate', '5'], { env: env(), stdio: 'pipe' });
    const said = textOf(child);
    await asked(ASKED_FIRST);
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    expect({ code, stderr: said.stderr }).toMatchObject({ code: 3 });
    expect(said.stderr).toContain(`of ${EXECUTORS} executors have not got it`);
    expect(said.stderr).toContain(`noisefleet rotate -l '${FLEET_SELECTOR}' -n ${namespace} --wait --request CHG-1042`);
    expect(await asked(ASKED_FIRST)).toBeLessThan(EXECUTORS);
  });

  it('goes on with those that are left, with a bar on a terminal, and nobody is rotated twice', async () => {
    const terminal = spawnTerminal(process.execPath, [MAIN, ...command], { cols: 120, env: env() });
    let text = '';
    terminal.onData((more) => {
      text += more;
    });
    const code = await new Promise((resolve) => terminal.onExit(({ exitCode }) => resolve(exitCode)));
    expect({ code, text }).toMatchObject({ code: 0 });
    expect(text).toMatch(/\d+ executors had got it before/);
    expect(text).toMatch(/rotating 50 executors {2}\[#+·+\] {2}\d+\/50/);

    const { items } = await connection.api.list(executors, { namespace });
    expect(items).toHaveLength(EXECUTORS);
    for (const { status } of items) {
      const active = status.keys.filter(({ state }) => state === 'Active');
      expect(active).toMatchObject([{ id: 'k2', trigger: 'Command', reason: 'q4', requester: 'Verified' }]);
      expect(status.handledRotationRequests).toEqual([REQUEST]);
    }
  });
});

/** What a process says, as it says it. */
function textOf(child: ChildProcess): { stdout: string; stderr: string } {
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  }
  return said;
}
