import type { Clock, Logger, Timer } from '../../telemetry/index.ts';
import {
  type EnvironmentId,
  type EnvironmentReport,
  INTERNAL_HEARTBEAT_MS,
  type RegistryToOperator,
  registryToOperator,
  WireError,
} from '../../wire/index.ts';
import { FeedError, type RegistryAddress, type WatchRegistry } from './connection.ts';
import type { ReplicaView } from './facts.ts';

/** Three heartbeats that did not come: packets are dropped, and nobody will ever say that the connection is gone. Milliseconds. */
export const SILENCE_MS = 3 * INTERNAL_HEARTBEAT_MS;

/** The window of the first pause after a failure, doubled with each up to the longest. Milliseconds. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export interface ReplicaFeedOptions {
  /** For the log: the Relay and the pod. */
  readonly relay: string;
  readonly pod: string;
  /** Asked at each connection: the authorities that sign may have changed. */
  readonly address: () => RegistryAddress;
  readonly watch: WatchRegistry;
  /** What is known of these has changed; of all when undefined. */
  readonly onChange: (environmentIds: Iterable<EnvironmentId> | undefined) => void;
  readonly onState: () => void;
  readonly onFailure: (code: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
}

export type ReplicaState = 'connecting' | 'reading' | 'complete';

/** Follows one replica of a registry for as long as it is run, over as many connections as it takes. */
export class ReplicaFeed {
  readonly #options: ReplicaFeedOptions;
  readonly #reports = new Map<EnvironmentId, EnvironmentReport>();
  #state: ReplicaState = 'connecting';
  #ticketKeys: readonly string[] | undefined;
  #failures = 0;
  #problem: string | undefined;

  constructor(options: ReplicaFeedOptions) {
    this.#options = options;
  }

  get state(): ReplicaState {
    return this.#state;
  }

  /** Ids of the ticket keys that it has loaded; undefined while it is not heard, or does not say. */
  get ticketKeys(): readonly string[] | undefined {
    return this.#ticketKeys;
  }

  view(environmentId: EnvironmentId): ReplicaView {
    return { name: this.#options.pod, complete: this.#state === 'complete', report: this.#reports.get(environmentId) };
  }

  /** Ends when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#connect(signal);
      this.#lost();
      if (!signal.aborted) await this.#pause(signal);
    }
  }

  /** One connection, from its beginning to its end. */
  async #connect(signal: AbortSignal): Promise<void> {
    const { watch, address, clock } = this.#options;
    const cut = new AbortController();
    const ended = AbortSignal.any([signal, cut.signal]);
    const silent = () => cut.abort(new FeedError('silent', 'the registry has fallen silent'));
    let silence: Timer = clock.after(SILENCE_MS, silent);
    const onLines = (lines: readonly string[]) => {
      silence.cancel();
      silence = clock.after(SILENCE_MS, silent);
      this.#take(lines);
    };
    try {
      await watch(address(), onLines, ended);
    } catch (error) {
      if (!signal.aborted) this.#failed(cut.signal.aborted ? cut.signal.reason : error);
    } finally {
      silence.cancel();
    }
  }

  /** Throws `FeedError` `malformed`. */
  #take(lines: readonly string[]): void {
    const changed = new Set<EnvironmentId>();
    const before = this.#state;
    for (const line of lines) {
      const id = this.#takeOne(line);
      if (id !== undefined) changed.add(id);
    }
    // What was said before the picture was whole is news for all: also for those of whom nothing is said.
    if (this.#state !== before && this.#state === 'complete') this.#options.onChange(undefined);
    else if (changed.size > 0 && this.#state !== 'connecting') this.#options.onChange(changed);
  }

  #takeOne(line: string): EnvironmentId | undefined {
    const message = parse(line);
    switch (message?.type) {
      case 'environment':
        this.#reports.set(message.environment.environmentId, message.environment);
        return message.environment.environmentId;
      case 'gone':
        this.#reports.delete(message.environmentId);
        return message.environmentId;
      case 'synced':
        this.#synced(message);
        return undefined;
      default:
        return undefined; // hello, a heartbeat, or a type of the next release
    }
  }

  #synced({ complete, ticketKeys }: Extract<RegistryToOperator, { type: 'synced' }>): void {
    const { log, relay, pod, onState } = this.#options;
    if (this.#state === 'connecting') {
      this.#failures = 0;
      this.#problem = undefined;
      log.info({ relay, pod, environments: this.#reports.size }, 'registry is watched');
    }
    this.#state = complete ? 'complete' : 'reading';
    this.#ticketKeys = ticketKeys;
    onState();
  }

  #failed(error: unknown): void {
    const { log, relay, pod, onFailure } = this.#options;
    const code = error instanceof FeedError ? error.code : 'malformed';
    this.#failures += 1;
    onFailure(code);
    // Once per trouble: it is tried again for as long as the registry is there.
    if (this.#problem !== code) log.warn({ relay, pod, code, err: error }, 'registry is not watched');
    this.#problem = code;
  }

  /** What a registry said that is not heard any more is not known. */
  #lost(): void {
    if (this.#state === 'connecting') return;
    this.#state = 'connecting';
    this.#reports.clear();
    this.#ticketKeys = undefined;
    this.#options.onState();
    this.#options.onChange(undefined);
  }

  /** Full jitter: operators that lose the same registry do not come back together. */
  #pause(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const window = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 16));
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = clock.after(random() * window, done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

/** Throws `FeedError` `malformed`, without quoting what it could not read. */
function parse(line: string) {
  try {
    return registryToOperator.parse(line);
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw new FeedError('malformed', `the registry sends what is no message of ours: ${cause.code}`, { cause });
  }
}
