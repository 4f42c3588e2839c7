import type { Clock, Logger } from '../../telemetry/index.ts';
import type { ObjectApi } from '../client/api.ts';
import { ApiError, isApiError } from '../client/errors.ts';
import { events } from '../objects/builtin.ts';
import { microTime } from '../objects/micro-time.ts';
import type { KubeObject, ObjectRef } from '../objects/object.ts';
import { WorkQueue } from '../queue/work-queue.ts';
import { eventOf, type Occurrence, occurrenceKey, type Reporter } from './event.ts';

export interface EventRecorderOptions extends Reporter {
  readonly api: ObjectApi;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The same thing again within this time continues the series; later it is a new Event (client-go, `event_broadcaster.go`). Milliseconds. */
const SERIES_MS = 360_000;
/** A series is written at most so often, however often its thing happens. Milliseconds. */
const SERIES_WRITE_MS = 60_000;
/** Events are for people and may be lost: beyond so many series in hand, new things are not recorded. */
const MAX_SERIES = 1_000;
/** So often an Event is tried while the server is away. */
const MAX_ATTEMPTS = 6;
/** What is left when the process ends may take so long. Milliseconds. */
const FLUSH_MS = 1_500;

interface Series {
  readonly first: ReturnType<typeof eventOf>;
  /** Where its Event is, once it was made. */
  made: ObjectRef | undefined;
  count: number;
  writtenCount: number;
  lastAt: number;
}

/** Tells people what happened to an object, by `events.k8s.io/v1` Events. What happens again and again becomes a count. */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #queue: WorkQueue<string>;
  readonly #series = new Map<string, Series>();
  #full = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#queue = new WorkQueue({ clock: options.clock });
  }

  /** Never throws and never waits. */
  record(regarding: KubeObject, occurrence: Occurrence): void {
    const { clock, log } = this.#options;
    const key = occurrenceKey(regarding, occurrence);
    const now = clock.now();
    const known = this.#series.get(key);
    if (known !== undefined && now < known.lastAt + SERIES_MS) {
      known.count++;
      known.lastAt = now;
      this.#queue.addAt(key, now + SERIES_WRITE_MS);
      return;
    }
    this.#forgetEnded(now);
    if (this.#series.size >= MAX_SERIES) {
      if (!this.#full) log.warn({ limit: MAX_SERIES }, 'too many events in hand: new ones are dropped');
      this.#full = true;
      return;
    }
    this.#full = false;
    const first = eventOf(regarding, occurrence, this.#options, now);
    this.#series.set(key, { first, made: undefined, count: 1, writtenCount: 0, lastAt: now });
    this.#queue.add(key);
  }

  /** Sends until the signal aborts, then for a moment what is left. */
  async run(signal: AbortSignal): Promise<void> {
    const flush = new AbortController();
    const end = () => this.#options.clock.after(FLUSH_MS, () => flush.abort());
    const close = () => this.#queue.close();
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
    for (let key = await this.#queue.take(); key !== undefined; key = await this.#queue.take()) {
      await this.#send(key, signal);
      this.#queue.done(key);
    }
    const timer = end();
    for (const [key, { count, writtenCount }] of this.#series) {
      if (count > writtenCount && !flush.signal.aborted) await this.#send(key, flush.signal);
    }
    timer.cancel();
  }

  async #send(key: string, signal: AbortSignal): Promise<void> {
    const series = this.#series.get(key);
    if (series === undefined || series.count === series.writtenCount) return;
    const { count } = series;
    try {
      await this.#write(series, signal);
      series.writtenCount = count;
      this.#queue.forgetFailures(key);
    } catch (error) {
      if (!(error instanceof ApiError)) {
        if (signal.aborted) return;
        throw error;
      }
      this.#failed(key, series, error);
    }
  }

  async #write(series: Series, signal: AbortSignal): Promise<void> {
    const { api } = this.#options;
    const { first, count, lastAt } = series;
    if (series.made === undefined) {
      await api.create(events, first, { signal });
      series.made = first.metadata;
      if (count === 1) return;
    }
    const body = { series: { count, lastObservedTime: microTime(lastAt) } };
    await api.patch(events, series.made, { type: 'merge', body }, { signal });
  }

  #failed(key: string, series: Series, error: ApiError): void {
    const { log } = this.#options;
    if (isApiError(error, 'AlreadyExists')) {
      series.made = series.first.metadata;
      this.#queue.add(key);
    } else if (error.retryable && this.#queue.failures(key) < MAX_ATTEMPTS) {
      this.#queue.addAfterFailure(key);
    } else {
      // The server deletes Events after an hour, and a series of a deleted one ends. Anything else is worth a line.
      if (!isApiError(error, 'NotFound')) log.warn({ code: error.code, err: error }, 'event not recorded');
      this.#queue.forgetFailures(key);
      this.#series.delete(key);
    }
  }

  #forgetEnded(now: number): void {
    for (const [key, { lastAt, count, writtenCount }] of this.#series) {
      if (now >= lastAt + SERIES_MS && count === writtenCount) this.#series.delete(key);
    }
  }
}
