import type { Clock } from '../../telemetry/index.ts';
import type { QueueMetrics } from '../run/runtime-metrics.ts';
import { Alarms } from './alarms.ts';
import { backoff } from './backoff.ts';

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly random?: () => number;
  readonly metrics?: QueueMetrics | undefined;
  /** Pauses after failures; see `backoff`. */
  readonly retry?: { readonly firstMs?: number; readonly maxMs?: number } | undefined;
}

/**
 * Keys to be worked on (client-go, `util/workqueue`). A key waits at most once and is never worked on twice at the same time: what is added
 * meanwhile waits until it is done.
 */
export class WorkQueue<K> {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #metrics: QueueMetrics | undefined;
  readonly #retry: WorkQueueOptions['retry'];
  readonly #alarms: Alarms<K>;
  /** In the order in which they are handed out, with the time of their adding. */
  readonly #ready = new Map<K, number>();
  /** Being worked on, since when. */
  readonly #processing = new Map<K, number>();
  /** Added again while being worked on. */
  readonly #again = new Set<K>();
  readonly #failures = new Map<K, number>();
  readonly #takers: ((key: K | undefined) => void)[] = [];
  #closed = false;

  constructor({ clock, random = Math.random, metrics, retry }: WorkQueueOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#metrics = metrics;
    this.#retry = retry;
    this.#alarms = new Alarms(clock, (key) => this.add(key));
  }

  /** Waiting to be taken; delayed keys do not count. */
  get length(): number {
    return this.#ready.size;
  }

  /** Nothing waits, nothing is worked on, and nothing but keys of a later time is left. */
  get idle(): boolean {
    return this.#ready.size === 0 && this.#processing.size === 0;
  }

  /** When the key that is worked on for longest was taken, in milliseconds since the epoch. */
  get oldestStart(): number | undefined {
    const [first] = this.#processing.values();
    return first;
  }

  add(key: K): void {
    if (this.#closed || this.#ready.has(key) || this.#again.has(key)) return;
    this.#metrics?.added();
    if (this.#processing.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#makeReady(key);
  }

  /** Adds it at that time (milliseconds since the epoch), or at an earlier one that was asked for before. */
  addAt(key: K, at: number): void {
    if (this.#closed) return;
    if (at <= this.#clock.now()) this.add(key);
    else this.#alarms.set(key, at);
  }

  /** Adds it after the pause that its failures in a row ask for, and not before `notBefore`. */
  addAfterFailure(key: K, notBefore = 0): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.#metrics?.retried();
    const at = this.#clock.now() + backoff(failures, this.#random, this.#retry);
    this.addAt(key, Math.max(at, notBefore));
  }

  failures(key: K): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Its next failure is the first one. */
  forgetFailures(key: K): void {
    this.#failures.delete(key);
  }

  /** The next key; undefined when the queue is closed. Each key taken has to be given to `done`. */
  take(): Promise<K | undefined> {
    const next = this.#ready.keys().next();
    if (!next.done) return Promise.resolve(this.#handOut(next.value));
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: K): void {
    const startedAt = this.#processing.get(key);
    if (startedAt === undefined) return;
    this.#processing.delete(key);
    this.#metrics?.worked(this.#clock.now() - startedAt);
    if (this.#again.delete(key) && !this.#closed) this.#makeReady(key);
  }

  /** Hands out nothing more. What is being worked on may end. */
  close(): void {
    this.#closed = true;
    this.#alarms.clear();
    this.#ready.clear();
    this.#again.clear();
    this.#metrics?.depth(0);
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #makeReady(key: K): void {
    this.#ready.set(key, this.#clock.now());
    const taker = this.#takers.shift();
    if (taker !== undefined) taker(this.#handOut(key));
    else this.#metrics?.depth(this.#ready.size);
  }

  #handOut(key: K): K {
    const now = this.#clock.now();
    this.#metrics?.taken(now - (this.#ready.get(key) ?? now));
    this.#ready.delete(key);
    this.#processing.set(key, now);
    this.#metrics?.depth(this.#ready.size);
    return key;
  }
}
