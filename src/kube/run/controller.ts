import type { Clock, Logger, Timer } from '../../telemetry/index.ts';
import type { Informer } from '../cache/informer.ts';
import type { Change } from '../cache/store.ts';
import { ApiError, isApiError } from '../client/errors.ts';
import type { KubeObject } from '../objects/object.ts';
import type { ObjectKey } from '../objects/resource.ts';
import { WorkQueue } from '../queue/work-queue.ts';
import type { ReconcileMetrics, RuntimeMetrics } from './runtime-metrics.ts';

export interface ReconcileResult {
  /** Look again at this time (milliseconds since the epoch), if nothing happens before. May be months away. */
  readonly requeueAt?: number | undefined;
}

/** Brings one object to where it should be, from what is observed now. A thrown error is retried with growing pauses. */
// biome-ignore lint/suspicious/noConfusingVoidType: a reconcile that has nothing to say returns nothing
export type Reconcile = (key: ObjectKey, signal: AbortSignal) => Promise<ReconcileResult | void>;

export interface ControllerOptions {
  /** In metrics and logs. */
  readonly name: string;
  readonly reconcile: Reconcile;
  /** How many keys are worked on at a time; a key never twice. */
  readonly workers?: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics?: RuntimeMetrics | undefined;
  /** Pauses after failures, in milliseconds. */
  readonly retry?: { readonly firstMs?: number; readonly maxMs?: number };
  readonly random?: () => number;
}

const DEFAULT_WORKERS = 4;
/** How often the age of the longest reconcile is published. Milliseconds. */
const SAMPLE_MS = 5_000;

/** Works on keys, several at a time, until it is stopped. */
export class Controller {
  readonly name: string;
  readonly #reconcile: Reconcile;
  readonly #workers: number;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #queue: WorkQueue<ObjectKey>;
  readonly #metrics: ReconcileMetrics | undefined;
  readonly #publishLongest: ((oldest: number) => void) | undefined;
  readonly #idleWaiters: (() => void)[] = [];
  #active = 0;

  constructor({ name, reconcile, workers = DEFAULT_WORKERS, clock, log, metrics, retry, random }: ControllerOptions) {
    this.name = name;
    this.#reconcile = reconcile;
    this.#workers = workers;
    this.#clock = clock;
    this.#log = log;
    const queueMetrics = metrics?.queue(name);
    this.#metrics = metrics?.controller(name);
    this.#publishLongest = queueMetrics?.running;
    this.#queue = new WorkQueue({ clock, metrics: queueMetrics, retry, ...(random === undefined ? {} : { random }) });
  }

  enqueue(key: ObjectKey): void {
    this.#queue.add(key);
  }

  /** At a time in milliseconds since the epoch. */
  enqueueAt(key: ObjectKey, at: number): void {
    this.#queue.addAt(key, at);
  }

  /** Changes of a cache become keys of this controller. The result stops that. */
  triggerBy<T extends KubeObject>(
    informer: Informer<T>,
    keysOf: (change: Change<T>) => Iterable<ObjectKey>,
  ): () => void {
    return informer.onChange((change) => {
      for (const key of keysOf(change)) this.#queue.add(key);
    });
  }

  /** Milliseconds that the longest running reconcile has taken so far; 0 when none runs. A liveness check fails by this. */
  longestReconcile(): number {
    const oldest = this.#queue.oldestStart;
    return oldest === undefined ? 0 : this.#clock.now() - oldest;
  }

  /** Resolves when nothing waits and nothing runs; keys of a later time may be left. */
  idle(): Promise<void> {
    if (this.#queue.idle) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Works until the signal aborts and the reconciles that run then have ended. A controller runs once. */
  async run(signal: AbortSignal): Promise<void> {
    const close = () => this.#queue.close();
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
    this.#metrics?.workers(this.#workers);
    const sampling = this.#sample();
    try {
      await Promise.all(Array.from({ length: this.#workers }, () => this.#work(signal)));
    } finally {
      sampling.cancel();
      signal.removeEventListener('abort', close);
    }
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (let key = await this.#queue.take(); key !== undefined; key = await this.#queue.take()) {
      await this.#workOn(key, signal);
      this.#queue.done(key);
      if (this.#queue.idle) for (const resolve of this.#idleWaiters.splice(0)) resolve();
    }
  }

  async #workOn(key: ObjectKey, signal: AbortSignal): Promise<void> {
    const startedAt = this.#clock.now();
    this.#metrics?.active(++this.#active);
    try {
      const { requeueAt } = (await this.#reconcile(key, signal)) ?? {};
      this.#queue.forgetFailures(key);
      if (requeueAt !== undefined) this.#queue.addAt(key, requeueAt);
      this.#metrics?.reconciled(requeueAt === undefined ? 'success' : 'requeue_after', this.#clock.now() - startedAt);
    } catch (error) {
      if (signal.aborted) return;
      this.#metrics?.reconciled('error', this.#clock.now() - startedAt);
      this.#failed(key, error);
    } finally {
      this.#metrics?.active(--this.#active);
    }
  }

  #failed(key: ObjectKey, error: unknown): void {
    const pause = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
    this.#queue.addAfterFailure(key, this.#clock.now() + pause);
    const about = { controller: this.name, key, failures: this.#queue.failures(key), err: error };
    // Somebody else wrote in between, or the cache was late: the next attempt sees it.
    if (isApiError(error, 'Conflict') && about.failures === 1) this.#log.debug(about, 'reconcile met a conflict');
    else this.#log.warn(about, 'reconcile failed');
  }

  #sample(): Timer {
    let timer: Timer;
    const arm = () => {
      this.#publishLongest?.(this.longestReconcile());
      timer = this.#clock.after(SAMPLE_MS, arm);
    };
    arm();
    return { cancel: () => timer.cancel() };
  }
}
