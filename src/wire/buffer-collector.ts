import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Collected after so many bytes of large messages: what they lay in is then still in the processor's cache and is used again. Measured with
 * 64 KiB messages: 2.5 times the throughput. At 4 MiB V8 sometimes marked the heap all the same, and then again and again; at 8 MiB the gain is gone.
 */
const COLLECT_BYTES = 2 * 1024 * 1024;

/**
 * By how much the heap may grow before all of it is marked, in per cent of what lives: 15 MB of a busy relay to 45. V8 itself allows so small a heap a few
 * megabytes, and young collections in such number make it old: beside a thousand connections a second that come and go all of it was marked up
 * to once a second, 5 to 15 ms each.
 */
const HEAP_GROWING_PERCENT = 200;

type CollectGarbage = (options: { type: 'minor'; execution: 'sync' }) => void;

/**
 * A large message lies in buffers outside the heap, and leaves next to nothing inside it. So the heap sees no reason to collect until
 * 64 MiB of dead buffers have piled up, and then marks everything: a third of the relay's time went there, and half of a sidecar's. This asks
 * for the cheap collection of young objects instead, in time.
 */
export class BufferCollector {
  static #ofProcess: BufferCollector | undefined;

  /** The one for all messages of this process: it has one heap. */
  static ofProcess(): BufferCollector {
    BufferCollector.#ofProcess ??= new BufferCollector();
    return BufferCollector.#ofProcess;
  }

  #collect: (() => void) | undefined;
  #bytes = 0;
  #due = false;
  readonly #run = (): void => {
    this.#due = false;
    // Only now: it takes half a megabyte, which a process without large messages keeps.
    this.#collect ??= youngCollection();
    this.#collect();
  };

  constructor(collect?: () => void) {
    this.#collect = collect;
  }

  /** A message of so many bytes, in buffers of its own, came or is on its way out. */
  count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < COLLECT_BYTES || this.#due) return;
    this.#bytes = 0;
    this.#due = true;
    setImmediate(this.#run);
  }
}

/**
 * From now on this thread alone collects young objects. Collecting in parallel is for much that lives: of next to nothing a collection took 1.3 ms by several
 * threads, which have to be woken and want the core that may be the only one, and takes 0.4 ms by one.
 */
export function collectOnOneThread(): void {
  setFlagsFromString('--no-parallel-scavenge');
}

/** V8's own collection of young objects. It is reached by a flag, which is taken back at once; nothing else sees it. */
function youngCollection(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  collectOnOneThread();
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  if (typeof collect !== 'function') return () => {};
  // V8 documents this signature; it has no type of its own.
  const collectGarbage = collect as CollectGarbage;
  return () => collectGarbage({ type: 'minor', execution: 'sync' });
}
