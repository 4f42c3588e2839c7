import { setTimeout as delay } from 'node:timers/promises';
import { FLEET_NAMESPACE, type Installation, relay, waitingExecutor } from './installation.ts';

/** `must` of O3 and O4. `BENCH_EXECUTORS` is for a look on a machine that has other things to do; the row says how many they were. */
export const FLEET = Number(process.env.BENCH_EXECUTORS ?? 2000);

/** Applied one after the other: whether the last one takes as long as the first shows in their times. */
export const BATCHES = 5;

const BATCH = FLEET / BATCHES;
const LOOK_MS = 500;

/** A Relay, and Executors that no node takes. @returns seconds of each batch, until the last of its pods was written */
export async function applyFleet(installation: Installation): Promise<number[]> {
  await installation.apply(relay('main'));
  const times: number[] = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    const names = Array.from({ length: BATCH }, (_, number) => `e${batch * BATCH + number}`);
    const started = performance.now();
    await installation.apply(...names.map((name) => waitingExecutor(name, 'main')));
    while ((await podCount(installation)) < (batch + 1) * BATCH) await delay(LOOK_MS);
    times.push((performance.now() - started) / 1000);
  }
  return times;
}

/** Pods of Executors: the last of an Executor's children that is written. */
async function podCount({ tools }: Installation): Promise<number> {
  const selector = 'app.kubernetes.io/component=executor';
  const names = await tools.kubectl('get', 'pods', '-n', FLEET_NAMESPACE, '-l', selector, '-o', 'name');
  return names === '' ? 0 : names.trimEnd().split('\n').length;
}
