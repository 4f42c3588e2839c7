import { projectForCache } from '../../src/kube/cache/projection.ts';
import { Store } from '../../src/kube/cache/store.ts';
import { decodeWatchEvent, LineSplitter } from '../../src/kube/client/watch-decoder.ts';
import type { KubeObject } from '../../src/kube/index.ts';
import { realPods, renamed } from '../cluster/real-events.ts';
import { interleave, timed } from '../interleave.ts';
import type { Row } from '../row.ts';

/** Events in one turn, about what a fleet's start sends in a second. */
const EVENTS = 500;

/** What one read of a socket gives. Bytes. */
const CHUNK_BYTES = 65_536;

export const row: Row = {
  id: 'O1',
  what: 'watch events/s from bytes to the cache, real pods',
  must: 0.25,
  goal: 0.5,
  direction: '>=',
  peer: 'JSON.parse of the same events, bare',
  run: async () => {
    const pods = await realPods();
    if ('unavailable' in pods) return pods;
    const lines = Array.from({ length: EVENTS }, (_, number) => {
      const object = pods[number % pods.length];
      return JSON.stringify({ type: 'ADDED', object: object && renamed(object, number) });
    });
    const chunks = chunked(Buffer.from(`${lines.join('\n')}\n`));
    return interleave({
      ours: timed(() => intoCache(chunks)),
      peer: timed(() => lines.map((line) => JSON.parse(line))),
    });
  },
};

function intoCache(chunks: readonly Uint8Array[]): void {
  const store = new Store<KubeObject>();
  const splitter = new LineSplitter('bench');
  for (const chunk of chunks) {
    for (const line of splitter.push(chunk)) {
      const event = decodeWatchEvent(line, 'bench');
      if (event.type !== 'BOOKMARK') store.put(projectForCache(event.object as KubeObject, 'noisefleet'));
    }
  }
  if (store.size !== EVENTS) throw new Error(`${store.size} of ${EVENTS} events arrived`);
}

function chunked(bytes: Uint8Array): Uint8Array[] {
  const count = Math.ceil(bytes.length / CHUNK_BYTES);
  return Array.from({ length: count }, (_, at) => bytes.subarray(at * CHUNK_BYTES, (at + 1) * CHUNK_BYTES));
}
