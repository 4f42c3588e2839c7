import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { projectForCache } from '../../src/kube/cache/projection.ts';
import { Store } from '../../src/kube/cache/store.ts';
import type { KubeObject } from '../../src/kube/index.ts';
import { realPods, renamed } from '../cluster/real-events.ts';
import type { Row } from '../row.ts';

const OBJECTS = 5000;
const ROUNDS = 3;

export const row: Row = {
  id: 'O2',
  what: 'heap of an object in the cache, real pods',
  must: 1,
  goal: 0.5,
  direction: '<=',
  peer: 'its bytes as JSON',
  run: async () => {
    const pods = await realPods();
    if ('unavailable' in pods) return pods;
    return { ratios: Array.from({ length: ROUNDS }, () => heapToJson(pods)) };
  },
};

function heapToJson(pods: readonly KubeObject[]): number {
  const store = new Store<KubeObject>();
  const before = heapUsed();
  let bytes = 0;
  for (let number = 0; number < OBJECTS; number++) {
    const pod = pods[number % pods.length];
    if (pod === undefined) continue;
    const line = JSON.stringify(renamed(pod, number));
    bytes += Buffer.byteLength(line);
    // Parsed anew, as from a watch: nothing is shared with the others but what V8 shares by itself.
    store.put(projectForCache(JSON.parse(line), 'noisefleet'));
  }
  const heap = heapUsed() - before;
  if (store.size !== OBJECTS) throw new Error(`${store.size} of ${OBJECTS} objects are there`);
  return heap / bytes;
}

/** After everything that nobody holds is gone. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
