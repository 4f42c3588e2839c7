import type { Clock } from '../../telemetry/index.ts';
import type { KubeObject } from '../objects/object.ts';
import type { Resource } from '../objects/resource.ts';
import type { WatchEvent, WatchOptions } from './api.ts';
import { ApiError } from './errors.ts';
import { readObject } from './pages.ts';
import type { ApiRequest, ApiResponse } from './transport.ts';
import { decodeWatchEvent, LineSplitter } from './watch-decoder.ts';

/**
 * The server ends a watch after a random time between one and two of these: spreads the watches of many clients, and mends a watch that
 * is broken without anybody noticing (client-go, `reflector.go`, `minWatchTimeout`). Seconds.
 */
const WATCH_SECONDS = 300;
/**
 * Nothing for so long means that the connection is dead. The server sends a bookmark about once a minute (apiserver, `bookmarkFrequency`), so that
 * one missed bookmark is forgiven. Milliseconds.
 */
export const WATCH_SILENCE_MS = 130_000;

export interface WatchCall<T extends KubeObject> {
  readonly open: (request: Pick<ApiRequest, 'path' | 'signal'>) => Promise<ApiResponse>;
  readonly path: (query: Readonly<Record<string, string>>) => string;
  readonly resource: Resource<T>;
  readonly options: WatchOptions;
  readonly step: string;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Reads one watch request to its end. */
export async function* readWatch<T extends KubeObject>(call: WatchCall<T>): AsyncGenerator<WatchEvent<T>> {
  const { open, path, resource, options, step, clock, random } = call;
  const silence = new SilenceLimit(clock, step, options.signal);
  const query = {
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: options.resourceVersion,
    timeoutSeconds: String(Math.round(WATCH_SECONDS * (1 + random()))),
  };
  try {
    const response = await open({ path: path(query), signal: silence.signal });
    const splitter = new LineSplitter(step);
    // The server took it: whoever reads knows that the connection stands, long before anything happens.
    yield { type: 'BOOKMARK', resourceVersion: options.resourceVersion };
    for await (const chunk of response.body) {
      silence.heard();
      for (const line of splitter.push(chunk)) {
        const event = decodeWatchEvent(line, step);
        yield event.type === 'BOOKMARK' ? event : { ...event, object: readObject(resource, event.object, step) };
      }
    }
  } finally {
    silence.end();
  }
}

/** Aborts a watch that has been silent for too long. One timer, however many events come. */
class SilenceLimit {
  readonly #clock: Clock;
  readonly #step: string;
  readonly #abort = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #forward = () => this.#abort.abort(this.#outer?.reason);
  #heardAt: number;
  #timer;

  constructor(clock: Clock, step: string, outer: AbortSignal | undefined) {
    this.#clock = clock;
    this.#step = step;
    this.#outer = outer;
    this.#heardAt = clock.now();
    this.#timer = this.#arm(WATCH_SILENCE_MS);
    outer?.addEventListener('abort', this.#forward, { once: true });
    if (outer?.aborted) this.#forward();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  heard(): void {
    this.#heardAt = this.#clock.now();
  }

  /** Also closes the connection, if the watch was abandoned before its end. */
  end(): void {
    this.#timer.cancel();
    this.#outer?.removeEventListener('abort', this.#forward);
    this.#abort.abort(new DOMException('the watch ended', 'AbortError'));
  }

  #arm(milliseconds: number) {
    return this.#clock.after(milliseconds, () => {
      const left = this.#heardAt + WATCH_SILENCE_MS - this.#clock.now();
      if (left > 0) this.#timer = this.#arm(left);
      else
        this.#abort.abort(
          new ApiError({ code: 'Silent', step: this.#step, message: `nothing for ${WATCH_SILENCE_MS / 1000} s` }),
        );
    });
  }
}
