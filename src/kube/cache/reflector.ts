import { type Clock, type Logger, pause } from '../../telemetry/index.ts';
import type { ListPage, ObjectApi, Selection, WatchEvent } from '../client/api.ts';
import { ApiError, isApiError, isExpired } from '../client/errors.ts';
import type { KubeObject } from '../objects/object.ts';
import type { Resource } from '../objects/resource.ts';
import { backoff } from '../queue/backoff.ts';

/** Pauses between attempts to reach the server. It is back after seconds, and then all watches should be soon. Milliseconds. */
const RETRY = { firstMs: 500, maxMs: 15_000 };
/** A watch that ends sooner than this was no watch: the next attempt is paused as after a failure. Milliseconds. */
const SHORT_WATCH_MS = 1_000;

/** Takes in what the server tells. */
export interface ReflectorSink<T> {
  /** Everything there is. */
  replace(objects: readonly T[]): void;
  put(object: T): void;
  remove(object: T): void;
  /** Whether the sink is as the server is, or may have missed something since the connection broke. */
  connected(is: boolean): void;
}

export interface ReflectorOptions<T extends KubeObject> {
  readonly api: ObjectApi;
  readonly resource: Resource<T>;
  readonly selection: Selection;
  readonly sink: ReflectorSink<T>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
}

/**
 * Keeps a sink equal to what the server has: list, then watch from there. A watch that ends or breaks is resumed from the last version seen
 * (bookmarks included); only when the server no longer has that version is everything listed again. Runs until the signal
 * aborts, whatever the server does.
 */
export async function reflect<T extends KubeObject>(options: ReflectorOptions<T>, signal: AbortSignal): Promise<void> {
  const { api, resource, selection, sink, clock, log, random } = options;
  let version: string | undefined;
  let isListed = false;
  let failures = 0;
  while (!signal.aborted) {
    const startedAt = clock.now();
    try {
      if (version === undefined) {
        const page: ListPage<T> = await api.list(resource, { ...selection, signal });
        sink.replace(page.items);
        sink.connected(true);
        version = page.resourceVersion;
        if (isListed) log.info({ kind: resource.kind, namespace: selection.namespace }, 'read everything again');
        isListed = true;
      }
      const resourceVersion: string = version;
      for await (const event of api.watch(resource, { ...selection, resourceVersion, signal })) {
        version = take(event, sink);
        sink.connected(true);
        failures = 0;
      }
      if (clock.now() - startedAt >= SHORT_WATCH_MS) continue;
      failures++;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      sink.connected(false);
      if (isExpired(error) || isApiError(error, 'BadAnswer')) version = undefined;
      failures++;
      const about = { kind: resource.kind, namespace: selection.namespace, code: error.code, failures };
      if (failures === 1 || !error.retryable) log.warn({ ...about, err: error }, 'watch interrupted');
      else log.debug(about, 'watch still interrupted');
      if (isExpired(error) && failures === 1) continue;
    }
    await pauseUnlessOver(backoff(failures, random, RETRY), clock, signal);
  }
}

/** The version up to which the sink is complete after this event. */
function take<T extends KubeObject>(event: WatchEvent<T>, sink: ReflectorSink<T>): string {
  switch (event.type) {
    case 'BOOKMARK':
      return event.resourceVersion;
    case 'DELETED':
      sink.remove(event.object);
      return event.object.metadata.resourceVersion;
    case 'ADDED':
    case 'MODIFIED':
      sink.put(event.object);
      return event.object.metadata.resourceVersion;
    default:
      return event satisfies never;
  }
}

async function pauseUnlessOver(milliseconds: number, clock: Clock, signal: AbortSignal): Promise<void> {
  try {
    await pause(milliseconds, clock, signal);
  } catch {
    // The loop ends by its own condition.
  }
}
