import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { EXIT } from '../../src/cli/exit.ts';
import { connectToCluster, type ObjectApi } from '../../src/kube/index.ts';
import { executors } from '../../src/operator/own-kinds.ts';
import { systemClock } from '../../src/telemetry/index.ts';
import { FLEET_SELECTOR, PlayedFleet } from '../../test/e2e/duties/played-fleet.ts';
import type { Outcome } from '../row.ts';
import { FLEET_NAMESPACE, IMAGE, type Installation, RELEASE } from './installation.ts';
import { ROOT } from './tools.ts';

/** `must` of K5. `BENCH_EXECUTORS` is for a look on a machine that has other things to do; the row says how many they were. */
export const CAMPAIGN = Number(process.env.BENCH_EXECUTORS ?? 1000);

const ROUNDS = 3;

/** On a machine that does other things as well the API server takes two or three Executors a second; a few take their time too. */
const START_SECONDS = Math.max(300, CAMPAIGN);

/** Longer than `must`: a campaign that is late is measured too. */
const LONGEST = '1h';

/**
 * Seconds that `noisefleet rotate -l … --wait` takes with the defaults of the command, until each executor says that its new key serves. In the last
 * round it is stopped when half have got theirs, and called again. Throws when somebody was rotated twice, or not at all.
 */
export async function rotateFleet({ tools }: Installation): Promise<Outcome> {
  const { kubeconfig } = tools;
  const { api, close } = await connectToCluster({ kubeconfig, clock: systemClock, userAgent: 'noisefleet-bench' });
  const release = { namespace: RELEASE, serviceAccount: `${RELEASE}-operator`, keysPolicy: `${RELEASE}-keys` };
  const fleet = new PlayedFleet({ api, namespace: FLEET_NAMESPACE, release, image: IMAGE, size: CAMPAIGN });
  try {
    await fleet.start(START_SECONDS);
    const ratios: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      const started = performance.now();
      const isLast = round === ROUNDS;
      if (isLast) await rotate(kubeconfig, `K5-${round}`, { stopAt: CAMPAIGN / 2, code: EXIT.notReady });
      await rotate(kubeconfig, `K5-${round}`, { code: EXIT.done });
      ratios.push((performance.now() - started) / 1000);
      await expectRotations(api, round);
    }
    return { ratios };
  } finally {
    await fleet.stop();
    await close();
  }
}

interface Call {
  /** Executors that have got their key when somebody presses Ctrl-C. */
  readonly stopAt?: number;
  readonly code: number;
}

/** The command as a person calls it. */
async function rotate(kubeconfig: string, request: string, { stopAt, code: expected }: Call): Promise<void> {
  const program = join(ROOT, 'src/cli/main.mjs');
  const where = ['--kubeconfig', kubeconfig, '-n', FLEET_NAMESPACE, '-l', FLEET_SELECTOR];
  const command = ['rotate', ...where, '--wait', '--timeout', LONGEST, '--request', request];
  const child = spawn(process.execPath, [program, ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
  let told = 0;
  createInterface(child.stdout).on('line', () => {
    told += 1;
    if (told === stopAt) child.kill('SIGINT');
  });
  const [code] = await once(child, 'close');
  if (code !== expected) throw new Error(`the command ended with ${code}`);
}

/** Each has got exactly one key more in each round. */
async function expectRotations(api: ObjectApi, rounds: number): Promise<void> {
  const { items } = await api.list(executors, { namespace: FLEET_NAMESPACE });
  const wrong = items.filter(({ status }) => {
    return status.activeKeyID !== `k${rounds + 1}` || status.handledRotationRequests.length !== rounds;
  });
  if (items.length === CAMPAIGN && wrong.length === 0) return;
  const [first] = wrong.map(({ metadata, status }) => `${metadata.name} has ${status.activeKeyID}`);
  throw new Error(`${wrong.length} of ${items.length} were rotated twice or not at all: ${first}`);
}
