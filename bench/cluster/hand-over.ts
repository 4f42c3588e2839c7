import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceProcess } from '../product/service-process.ts';
import type { Outcome } from '../row.ts';
import { type Installation, onInstallation, relay } from './installation.ts';
import { samplesOf, sumOf } from './metrics.ts';

const ROUNDS = 3;

/** Between two looks at metrics: what a time can be wrong by. Milliseconds. */
const LOOK_MS = 20;

/** Two operators on a cluster with one Relay: seconds from the end of the leader until the other one has reconciled. */
export function handOver(signal: 'SIGTERM' | 'SIGKILL'): Promise<Outcome> {
  return onInstallation({ operator: 'processes' }, async (installation) => {
    await installation.apply(relay('main'));
    let leader = await installation.operator();
    await reconciled(leader);
    const ratios: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const other = await waiting(installation);
      const started = performance.now();
      leader.kill(signal);
      await reconciled(other);
      ratios.push((performance.now() - started) / 1000);
      leader = other;
    }
    return { ratios };
  });
}

async function waiting(installation: Installation): Promise<ServiceProcess> {
  const operator = await installation.operator();
  await operator.ready();
  return operator;
}

/** Resolves once this operator has done a reconcile as the leader. */
async function reconciled(operator: ServiceProcess): Promise<void> {
  for (;;) {
    const { body } = await operator.ask('/metrics');
    const done = samplesOf(body, 'controller_runtime_reconcile_total');
    if (sumOf(done.filter(({ labels }) => labels.controller === 'relay')) > 0) return;
    await delay(LOOK_MS);
  }
}
