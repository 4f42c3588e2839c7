import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { connectToCluster } from '../../src/kube/index.ts';
import { systemClock } from '../../src/telemetry/index.ts';
import { FLEET_SELECTOR, PlayedFleet } from '../../test/e2e/duties/played-fleet.ts';
import type { Outcome } from '../row.ts';
import { FLEET_NAMESPACE, IMAGE, type Installation, RELEASE } from './installation.ts';
import { ROOT } from './tools.ts';

/** `must` of K5. `BENCH_EXECUTORS` is for a look on a machine that has other things to do; the row says how many they were. */
export const CAMPAIGN = Number(process.env.BENCH_EXECUTORS ?? 1000);

const ROUNDS = 3;

/** On a machine that does other things as well the API server takes two or three Executors a second. */
const START_SECONDS = CAMPAIGN;

/** Longer than `must`: a campaign that is late is measured too. */
const LONGEST = '1h';

/** Seconds that `noisefleet rotate -l … --wait` takes with the defaults of the command, until each executor says that its new key serves. */
export async function rotateFleet({ tools }: Installation): Promise<Outcome> {
  const { kubeconfig } = tools;
  const { api, close } = await connectToCluster({ kubeconfig, clock: systemClock, userAgent: 'noisefleet-bench' });
  const release = { namespace: RELEASE, serviceAccount: `${RELEASE}-operator`, keysPolicy: `${RELEASE}-keys` };
  const fleet = new PlayedFleet({ api, namespace: FLEET_NAMESPACE, release, image: IMAGE, size: CAMPAIGN });
  try {
    await fleet.start(START_SECONDS);
    const ratios: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const started = performance.now();
      await rotate(kubeconfig);
      ratios.push((performance.now() - started) / 1000);
    }
    return { ratios };
  } finally {
    await fleet.stop();
    await close();
  }
}

/** The command as a person calls it. */
async function rotate(kubeconfig: string): Promise<void> {
  const program = join(ROOT, 'src/cli/main.mjs');
  const where = ['--kubeconfig', kubeconfig, '-n', FLEET_NAMESPACE, '-l', FLEET_SELECTOR];
  const command = ['rotate', ...where, '--wait', '--timeout', LONGEST];
  const child = spawn(process.execPath, [program, ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the command ended with ${code}`);
}
