import { isDeepStrictEqual } from 'node:util';
import type { WebSocket } from 'ws';
import type { Clock, Gauge, Logger, Metrics } from '../../telemetry/index.ts';
import {
  type BootId,
  type EnvironmentId,
  type Incarnation,
  MAX_NOT_FORWARDING,
  type WatchToRegistry,
  type WatchToSidecar,
  WireError,
  watchToRegistry,
  watchToSidecar,
} from '../../wire/index.ts';
import type { DenyBoard } from '../denies/deny-board.ts';
import type { StandingAudit } from '../denies/standing-audit.ts';
import type { DirectoryChange } from '../directory/directory.ts';
import { keepAlive } from '../presence/liveness.ts';

/**
 * Watches of one environment. A pod has one sidecar with one watch; a few more cover reconnects before the old socket is noticed dead
 * and pods that are being replaced.
 */
const MAX_WATCHES_PER_ENVIRONMENT = 8;
const CLOSE_MS = 1_000;
const POLICY_VIOLATION = 1008;
const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;

export interface Watcher {
  readonly environmentId: EnvironmentId;
  readonly incarnation: Incarnation | undefined;
}

export interface WatchHubOptions {
  readonly denies: DenyBoard;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** A sidecar said something about itself. */
  readonly onReport: (environmentId: EnvironmentId) => void;
  readonly audit: Pick<StandingAudit, 'access'>;
}

/** What a sidecar last said about itself: for whoever must know whether it is busy (the operator). */
export type SidecarReport = Omit<Extract<WatchToRegistry, { type: 'report' }>, 'type'>;

/** What sidecars hear of the relays that there are. */
export interface Relays {
  readonly count: number;
  readonly notForwarding: readonly BootId[];
}

interface Watch extends Watcher {
  readonly socket: WebSocket;
  report: SidecarReport | undefined;
}

/**
 * The registry's end of the sidecars' watches (`our-side.md` §4): denies and refreshes reach the part that enforces them without passing a
 * relay, which could withhold them.
 */
export class WatchHub {
  readonly #options: WatchHubOptions;
  readonly #watches = new Map<EnvironmentId, Set<Watch>>();
  readonly #watching: Gauge;
  #relays: Relays = { count: 0, notForwarding: [] };

  constructor(options: WatchHubOptions) {
    this.#options = options;
    this.#watching = options.metrics.gauge('noisefleet_watching_sidecars', 'Sidecars whose watch stands.');
    options.denies.subscribe({
      denied: (deny) => this.#tell(deny.environmentId, { type: 'deny', deny }),
      lifted: ({ id, environmentId }) => this.#tell(environmentId, { type: 'undeny', denyId: id }),
    });
  }

  /** Takes over an authenticated socket. All denies that stand come first. */
  accept(socket: WebSocket, watcher: Watcher): void {
    const { denies, clock } = this.#options;
    const watches = this.#watches.get(watcher.environmentId) ?? new Set<Watch>();
    if (watches.size >= MAX_WATCHES_PER_ENVIRONMENT) {
      socket.close(TRY_AGAIN_LATER, 'too many watches');
      return;
    }
    this.#watches.set(watcher.environmentId, watches);
    const watch: Watch = { ...watcher, socket, report: undefined };
    watches.add(watch);
    this.#count();
    const stopPings = keepAlive(socket, clock);
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(watch, data, isBinary));
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      stopPings();
      watches.delete(watch);
      if (watches.size === 0) this.#watches.delete(watcher.environmentId);
      this.#count();
    });
    send(socket, { type: 'hello', denies: denies.standing(watcher.environmentId) });
    const { count, notForwarding } = this.#relays;
    if (count + notForwarding.length > 0) send(socket, relaysMessage(this.#relays));
  }

  /** So many relays serve: each sidecar keeps sockets on two of them, if there are two. */
  setRelays(relays: Relays): void {
    if (isDeepStrictEqual(relays, this.#relays)) return;
    this.#relays = relays;
    for (const environmentId of this.#watches.keys()) this.#tell(environmentId, relaysMessage(relays));
  }

  /** The sidecar looks at its keys and registers again. */
  refresh(change: Extract<DirectoryChange, { type: 'keys_changed' }>): void {
    this.#tell(change.environmentId, { type: 'refresh' });
  }

  /** The newest word of each sidecar of this life of an environment that has its watch open. */
  reports(environmentId: EnvironmentId, incarnation: Incarnation | undefined): SidecarReport[] {
    const watches = [...(this.#watches.get(environmentId) ?? [])].filter((watch) => watch.incarnation === incarnation);
    return watches.map((watch) => watch.report).filter((report) => report !== undefined);
  }

  async close(): Promise<void> {
    const sockets = [...this.#watches.values()].flatMap((watches) => [...watches].map((watch) => watch.socket));
    await Promise.all(sockets.map((socket) => this.#closeSocket(socket)));
  }

  #receive(watch: Watch, data: Buffer, isBinary: boolean): void {
    try {
      const message = isBinary ? undefined : watchToRegistry.parse(data.toString('utf8'));
      if (message !== undefined) this.#handle(watch, message);
    } catch (error) {
      const code = error instanceof WireError ? error.code : 'internal';
      this.#options.logger.warn({ environment: watch.environmentId, reason: code }, 'watch ended: malformed message');
      watch.socket.close(POLICY_VIOLATION, code);
    }
  }

  #handle(watch: Watch, message: WatchToRegistry): void {
    switch (message.type) {
      case 'ack':
        this.#options.denies.acknowledged(message.denyId, {
          by: `sidecar of ${watch.environmentId}`,
          incarnation: watch.incarnation,
        });
        return;
      case 'report': {
        const { type: _, ...report } = message;
        watch.report = report;
        this.#options.onReport(watch.environmentId);
        return;
      }
      case 'access':
        // Of its own environment only: a sidecar speaks for no other.
        this.#options.audit.access(
          message.entries.filter(({ environmentId }) => environmentId === watch.environmentId),
        );
        return;
      case 'ping':
        send(watch.socket, { type: 'pong', nonce: message.nonce });
        return;
      case 'pong':
        return;
      default:
        message satisfies never;
    }
  }

  #tell(environmentId: EnvironmentId, message: WatchToSidecar): void {
    for (const { socket } of this.#watches.get(environmentId) ?? []) send(socket, message);
  }

  #count(): void {
    let count = 0;
    for (const watches of this.#watches.values()) count += watches.size;
    this.#watching.set(count);
  }

  async #closeSocket(socket: WebSocket): Promise<void> {
    if (socket.readyState === socket.CLOSED) return;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.close(GOING_AWAY, 'registry closes');
    const cut = this.#options.clock.after(CLOSE_MS, () => socket.terminate());
    await closed;
    cut.cancel();
  }
}

function relaysMessage({ count, notForwarding }: Relays): WatchToSidecar {
  const named = notForwarding.slice(0, MAX_NOT_FORWARDING);
  return { type: 'relays', count, ...(named.length > 0 && { notForwarding: named }) };
}

function send(socket: WebSocket, message: WatchToSidecar): void {
  if (socket.readyState === socket.OPEN) socket.send(watchToSidecar.encode(message));
}
