import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { createServer as createListener, type Server as Listener } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Logger } from '../telemetry/index.ts';
import { MAX_MESSAGE_BYTES, type ServingCertificate } from '../wire/index.ts';
import type { Door } from './admission/door.ts';
import { admitExecutor, HOLDS_HEADER } from './admission/executor.ts';
import { admitHarness, checkHarness, readHarness } from './admission/harness.ts';
import { nameOf, Porch } from './admission/porch.ts';
import { answerRefusal, Refusal, RefusalLog } from './admission/refusal.ts';
import { MAX_FRAGMENTS, MAX_HEADER_BYTES } from './limits.ts';
import type { Meters, SocketKind } from './meters.ts';
import type { Accepted, Rendezvous } from './rendezvous.ts';

/** Response header of an accepted upgrade: which life of a relay this is. */
const BOOT_ID_HEADER = 'x-noisefleet-boot-id';

const ROLES: Readonly<Record<string, SocketKind>> = { '/v1/executor': 'executor', '/v1/harness': 'harness' };

export interface UpgradesOptions {
  readonly door: Door;
  readonly rendezvous: Rendezvous;
  readonly meters: Meters;
  readonly logger: Logger;
  /** Plain HTTP when there is none. */
  readonly certificate: ServingCertificate | undefined;
}

interface Asked {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What came after the request. */
  readonly head: Buffer;
}

/** Over a socket that is not accepted yet. */
interface Watch {
  readonly gone: AbortSignal;
  /** It belongs to a WebSocket now, which watches over it by itself. Kept on, this would keep the request of every idle socket in memory. */
  release(): void;
}

/**
 * The HTTP server in front: nothing but WebSocket upgrades, each checked before it is accepted (our-side.md §5). Connections come to it by
 * way of a porch, which bounds those that have not asked for anything yet.
 */
export class Upgrades {
  /** Takes the connections. */
  readonly listener: Listener;
  /** The HTTP server behind it when it speaks TLS. */
  readonly tlsServer: TlsServer | undefined;
  readonly porch: Porch;
  readonly #options: UpgradesOptions;
  readonly #acceptor: WebSocketServer;
  readonly #refusals: RefusalLog;
  #pending = 0;

  constructor(options: UpgradesOptions) {
    this.#options = options;
    const { certificate, door, meters } = options;
    this.#refusals = new RefusalLog(options.logger, door.clock);
    const limits = { maxHeaderSize: MAX_HEADER_BYTES };
    this.tlsServer = certificate && createTlsServer({ ...limits, ...certificate }, answerNoUpgrade);
    const server: Server = this.tlsServer ?? createServer(limits, answerNoUpgrade);
    this.porch = new Porch({
      limit: door.limits.maxUnfinishedSockets,
      begunLimit: door.limits.maxBegunSockets,
      clock: door.clock,
      begin: (socket) => {
        server.emit('connection', socket);
        // TLS reads below the socket, HTTP without it reads the socket itself.
        if (this.tlsServer === undefined) socket.resume();
      },
      dropped: (limit) => meters.limited(limit),
    });
    this.listener = createListener({ pauseOnConnect: true, noDelay: true }, (socket) => this.porch.enter(socket));
    this.#acceptor = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      maxFragments: MAX_FRAGMENTS,
    });
    this.#acceptor.on('headers', (headers) => headers.push(`${BOOT_ID_HEADER}: ${door.bootId}`));
    server.on('upgrade', (request, socket, head) => {
      this.porch.leave(nameOf(request.socket));
      this.#onUpgrade(request, socket, head);
    });
  }

  /** To be called about every second. */
  sweep(now: number): void {
    this.porch.sweep(now);
    this.#refusals.sweep();
  }

  /** Takes no more connections, and drops those that have not asked for anything. */
  close(): void {
    this.listener.close();
    this.porch.close();
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const watch = watchOver(socket);
    this.#pending += 1;
    this.#answer({ request, socket, head }, watch)
      .catch((error: unknown) => this.#refuse(request, socket, error))
      .finally(() => {
        this.#pending -= 1;
      });
  }

  async #answer({ request, socket, head }: Asked, { gone, release }: Watch): Promise<void> {
    const { door, rendezvous } = this.#options;
    const { role, token } = readTarget(request);
    if (this.#pending > door.limits.maxPendingUpgrades) {
      const status = role === 'executor' ? 503 : 401;
      throw new Refusal(status, 'overloaded', 'too many upgrades at once', { limit: 'pending_upgrades' });
    }
    const accept = (take: (accepted: Accepted) => void) => {
      if (gone.aborted) return;
      this.#acceptor.handleUpgrade(request, socket, head, (ws) => {
        release();
        take({ ws, socket });
      });
    };
    if (role === 'executor') {
      const holds = request.headers[HOLDS_HEADER];
      const ticket = await admitExecutor(door, { token, holds: typeof holds === 'string' ? holds : undefined });
      accept((accepted) => rendezvous.acceptExecutor(accepted, token, ticket));
      return;
    }
    const ticket = await readHarness(door, token);
    if (ticket.bootId !== door.bootId) return rendezvous.splice({ request, socket, head, ticket }, gone);
    const admitted = await admitHarness(door, ticket, gone);
    checkHarness(door, admitted.ticket);
    accept((accepted) => {
      door.used.consume(admitted.ticket.jti, admitted.ticket.expiresAt);
      rendezvous.acceptHarness(accepted, admitted);
    });
  }

  #refuse(request: IncomingMessage, socket: Duplex, error: unknown): void {
    const { meters, logger } = this.#options;
    if (!(error instanceof Refusal)) {
      // A bug of ours: it must not take the process with it, nor look like a verdict on the ticket.
      logger.error({ err: error }, 'upgrade failed');
      socket.destroy();
      return;
    }
    const role = roleOf(request);
    if (role !== undefined) meters.refused(role, error.code);
    if (error.limit !== undefined) meters.limited(error.limit);
    this.#refusals.add(role, error);
    if (!socket.destroyed) answerRefusal(socket, error);
  }
}

/** Why a wait for somebody ends who went. Without it each socket that is refused costs an exception with a stack. */
const GONE = new Error('the socket that asked is gone');

function watchOver(socket: Duplex): Watch {
  const controller = new AbortController();
  const abort = () => controller.abort(GONE);
  socket.on('error', abort);
  socket.on('close', abort);
  const release = () => void socket.off('error', abort).off('close', abort);
  return { gone: controller.signal, release };
}

function answerNoUpgrade(_request: IncomingMessage, response: ServerResponse): void {
  const body = JSON.stringify({
    error: { code: 'not_found', message: 'this is a relay: it only answers WebSocket upgrades' },
  });
  response.writeHead(404, { 'content-type': 'application/json', connection: 'close' }).end(body);
}

function roleOf(request: IncomingMessage): SocketKind | undefined {
  const path = request.url?.split('?', 1)[0] ?? '';
  return Object.hasOwn(ROLES, path) ? ROLES[path] : undefined;
}

/** @throws Refusal 404 for another path; a missing ticket is a bad one */
function readTarget(request: IncomingMessage): { role: SocketKind; token: string } {
  const role = roleOf(request);
  if (role === undefined) throw new Refusal(404, 'not_found', 'a relay has /v1/executor and /v1/harness');
  const query = request.url?.slice(request.url.indexOf('?') + 1) ?? '';
  return { role, token: new URLSearchParams(query).get('ticket') ?? '' };
}
