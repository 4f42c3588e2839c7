import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { type EnvironmentId, MAX_PRESENCE_MESSAGE_BYTES } from '../../wire/index.ts';
import { REFUSALS, type Refusal, refuse } from '../api/answer.ts';
import { superseded } from '../api/register.ts';
import { bearerOf } from '../bearer.ts';
import type { Directory } from '../directory/directory.ts';
import type { PeerProofs } from '../peer-proofs.ts';
import type { PresenceHub } from '../presence/presence-hub.ts';
import type { Watcher, WatchHub } from '../watch/watch-hub.ts';
import { routeOf } from './route.ts';
import { errorBodyOf, refusalHeaders } from './server.ts';

/** A sidecar's report names a few keys; nothing else that it sends is longer. */
const MAX_WATCH_MESSAGE_BYTES = 64 * 1024;

export interface UpgradeOptions {
  readonly directory: Directory;
  readonly hub: PresenceHub;
  readonly watches: WatchHub;
  readonly proofs: PeerProofs;
  readonly isClosing: () => boolean;
}

type Accepted =
  | { readonly kind: 'presence'; readonly ip: string | undefined; readonly pod: string | undefined }
  | { readonly kind: 'watch'; readonly watcher: Watcher };

/** Who may open which socket here: relays that prove themselves, sidecars with their executor's bearer. */
export class Upgrades {
  readonly #options: UpgradeOptions;
  readonly #presence = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_PRESENCE_MESSAGE_BYTES,
  });
  readonly #watch = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_WATCH_MESSAGE_BYTES,
  });

  constructor(options: UpgradeOptions) {
    this.#options = options;
  }

  /** The listener of the server's `upgrade` event. */
  readonly take = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // A peer that vanishes while we look at its proof is no news.
    const ignore = () => socket.destroy();
    socket.on('error', ignore);
    this.#decide(request).then(
      (decision) => {
        socket.off('error', ignore);
        if (decision.kind === 'refuse') return refuseUpgrade(socket, decision);
        // It may have begun to close while the proof was looked at: nobody would close this socket any more.
        if (this.#options.isClosing()) return refuseUpgrade(socket, REFUSALS.closing());
        this.#accept(decision, request, socket, head);
      },
      () => refuseUpgrade(socket, REFUSALS.notSynced()),
    );
  };

  async #decide(request: IncomingMessage): Promise<Accepted | Refusal> {
    const route = routeOf(request.url ?? '');
    if (this.#options.isClosing()) return REFUSALS.closing();
    const bearer = bearerOf(request);
    switch (route.kind) {
      case 'presence':
        return this.#decidePresence(bearer);
      case 'watch':
        return this.#decideWatch(route.environmentId, bearer);
      case 'call':
      case 'environments':
      case 'none':
        return refuse(404, 'not_found', 'No WebSocket is served here.');
      default:
        return route satisfies never;
    }
  }

  async #decidePresence(bearer: string | undefined): Promise<Accepted | Refusal> {
    if (bearer === undefined) return REFUSALS.tokenInvalid();
    const proof = await this.#options.proofs.relay(bearer);
    switch (proof.outcome) {
      case 'proven':
        return { kind: 'presence', ip: proof.ip, pod: proof.pod };
      case 'unavailable':
        return REFUSALS.notSynced();
      case 'expired':
        return REFUSALS.tokenExpired();
      case 'unknown':
        return REFUSALS.tokenInvalid();
      default:
        return proof satisfies never;
    }
  }

  async #decideWatch(
    environmentId: EnvironmentId | undefined,
    bearer: string | undefined,
  ): Promise<Accepted | Refusal> {
    const { directory } = this.#options;
    if (environmentId === undefined) return REFUSALS.environmentUnknown();
    if (bearer === undefined) return REFUSALS.tokenInvalid();
    const executor = await directory.authenticateExecutor(bearer, environmentId);
    if (executor.outcome === 'unavailable' || !directory.synced()) return REFUSALS.notSynced();
    if (executor.outcome === 'expired') return REFUSALS.tokenExpired();
    if (executor.outcome === 'unknown') return REFUSALS.tokenInvalid();
    if (executor.environmentId !== environmentId) return REFUSALS.environmentUnknown();
    const { incarnation } = executor;
    const former = directory.environment(environmentId)?.fence.former ?? [];
    if (incarnation !== undefined && former.includes(incarnation)) return superseded();
    return { kind: 'watch', watcher: { environmentId, incarnation } };
  }

  #accept(accepted: Accepted, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { hub, watches } = this.#options;
    const server = accepted.kind === 'presence' ? this.#presence : this.#watch;
    server.handleUpgrade(request, socket, head, (webSocket) => {
      if (accepted.kind === 'watch') return watches.accept(webSocket, accepted.watcher);
      const { ip, pod } = accepted;
      hub.accept(webSocket, { remoteAddress: ip ?? request.socket.remoteAddress, pod });
    });
  }
}

function refuseUpgrade(socket: Duplex, refusal: Refusal): void {
  const body = JSON.stringify(errorBodyOf(refusal));
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
    ...refusalHeaders(refusal),
  };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.on('error', () => socket.destroy());
  const text = `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}\r\n${head.join('')}\r\n${body}`;
  // No timeout of the server's counts any more: a peer that keeps its side open would keep the socket.
  socket.end(text, () => socket.destroy());
}
