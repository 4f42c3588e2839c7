import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Clock, Counter, Histogram, Logger, Metrics } from '../../telemetry/index.ts';
import { type RegistryCall, type ServingCertificate, TicketError, WireError } from '../../wire/index.ts';
import { REFUSALS, type Refusal, refuse } from '../api/answer.ts';
import type { Answer, Call } from '../api/call.ts';
import { bearerOf } from '../bearer.ts';
import { BodyError, readBody } from './read-body.ts';
import { routeOf } from './route.ts';

/** A bearer may have 16 KiB (contract §11); the rest of a request's head is small. */
const MAX_HEADER_BYTES = 24 * 1024;
/** Calls are a few kB, and a harness gives up at 6 s (contract §2.3): whoever needs longer to send one holds a place on purpose. */
const HEAD_MS = 4_000;
const REQUEST_MS = 6_000;
const CHECK_MS = 500;
/**
 * Longer than the 90 s for which the HTTP client of a real Codex keeps an idle connection (its own log says so), so that it never writes into one that we
 * are closing: such a call is not tried again, and an executor ends with a registration that fails (contract §2.2).
 */
const KEEP_ALIVE_MS = 100_000;
const MAX_CONNECTIONS = 16_384;

type Handler = (call: Call) => Promise<Answer>;

export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  readonly handlers: Readonly<Record<RegistryCall, Handler>>;
  /** The operator's call: it answers by itself unless it refuses. */
  readonly environments: (request: IncomingMessage, response: ServerResponse) => Promise<Refusal | undefined>;
  /** Plain HTTP when there is none. */
  readonly certificate: ServingCertificate | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The public listener: three calls, and the sockets of relays and sidecars, which `upgrades.ts` takes. */
export class HttpServer {
  readonly server: Server;
  /** The same server when it speaks TLS. */
  readonly tlsServer: TlsServer | undefined;
  readonly #options: HttpServerOptions;
  readonly #answers: Counter;
  readonly #seconds: Histogram;
  #closing = false;

  constructor(options: HttpServerOptions) {
    const { metrics } = options;
    this.#options = options;
    this.#answers = metrics.counter('noisefleet_registry_answers_total', 'Answers by call, status and code.', [
      'call',
      'status',
      'code',
    ]);
    this.#seconds = metrics.histogram(
      'noisefleet_registry_call_seconds',
      'Time from arrival to answer, holds included.',
      [0.005, 0.02, 0.1, 0.5, 1, 2, 4, 4.6, 10],
      ['call'],
    );
    const limits = {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEAD_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    };
    const serve = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response);
    const { certificate } = options;
    this.tlsServer = certificate && createTlsServer({ ...limits, ...certificate, handshakeTimeout: HEAD_MS }, serve);
    this.server = this.tlsServer ?? createServer(limits, serve);
    this.server.maxConnections = MAX_CONNECTIONS;
    // One connection that could not be accepted must not take the others with it; before it listens, `listen` rejects.
    this.server.on('error', (err) => options.logger.error({ err }, 'the listener failed to accept'));
  }

  async listen(): Promise<string> {
    const { host, port } = this.#options;
    this.server.listen(port, host);
    await once(this.server, 'listening');
    const address = this.server.address() as AddressInfo;
    return `${this.tlsServer === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
  }

  /** Answers what is under way, then closes. Whatever is still open after `graceMs` is cut. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeIdleConnections();
    const cut = this.#options.clock.after(graceMs, () => this.server.closeAllConnections());
    await closed;
    cut.cancel();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = routeOf(request.url ?? '');
    if (route.kind === 'environments') return this.#serveOperator(request, response);
    if (route.kind !== 'call') return write(response, notFound());
    if (request.method !== 'POST') return write(response, methodNotAllowed());
    const { clock } = this.#options;
    const arrivedAt = clock.now();
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const answer = await this.#answer(route.call, {
      environmentId: route.environmentId,
      bearer: bearerOf(request),
      host: request.headers.host?.replace(/:[0-9]*$/, '').toLowerCase(),
      arrivedAt,
      gone: gone.signal,
      body: () => readBody(request),
    });
    this.#seconds.observe((clock.now() - arrivedAt) / 1000, { call: route.call });
    const [status, code] = answer.kind === 'ok' ? [200, 'ok'] : [answer.status, answer.code];
    this.#answers.add(1, { call: route.call, status: String(status), code });
    // Node keeps a connection open that was busy when the server closed; its caller must not wait on it.
    if (this.#closing) response.setHeader('connection', 'close');
    write(response, answer);
  }

  async #serveOperator(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET') return write(response, methodNotAllowed());
    const refusal = await this.#options.environments(request, response).catch((error: unknown) => {
      this.#options.logger.error({ err: error }, 'internal call failed unexpectedly');
      return REFUSALS.notSynced();
    });
    if (refusal !== undefined && !response.headersSent) write(response, refusal);
  }

  async #answer(name: RegistryCall, call: Call): Promise<Answer> {
    try {
      return await this.#options.handlers[name](call);
    } catch (error) {
      return refusalOf(error) ?? this.#unexpected(name, error);
    }
  }

  /** A bug, or a machine in trouble. The answer is one that every peer but a registering executor repeats. */
  #unexpected(call: RegistryCall, error: unknown): Refusal {
    this.#options.logger.error({ call, err: error }, 'call failed unexpectedly');
    return REFUSALS.notSynced();
  }
}

/** What a caller's own mistake answers; undefined for everything else. */
function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof BodyError) {
    return error.code === 'too_large'
      ? refuse(413, 'body_too_large', 'The request body is larger than any that this API takes (64 KiB).')
      : badRequest('the body was cut');
  }
  if (error instanceof WireError) return badRequest(error.message);
  if (error instanceof TicketError && error.code === 'no_signing_key') return REFUSALS.notSynced();
  return undefined;
}

function badRequest(what: string): Refusal {
  return refuse(400, 'bad_request', `The request is not what this call takes: ${what}.`);
}

function notFound(): Refusal {
  return refuse(
    404,
    'not_found',
    'No such route. The registry serves POST /cloud/environment/ENV/{register,connect,validate}.',
  );
}

function methodNotAllowed(): Refusal {
  return refuse(405, 'not_found', 'This route takes POST, the internal one GET.');
}

function write(response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return;
  const body = JSON.stringify(answer.kind === 'ok' ? answer.body : errorBodyOf(answer));
  const headers = answer.kind === 'refuse' ? refusalHeaders(answer) : {};
  response.writeHead(answer.kind === 'ok' ? 200 : answer.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(body);
}

/** `{"error":{"code","message"}}` (contract §2). */
export function errorBodyOf({ code, message }: Refusal) {
  return { error: { code, message } };
}

export function refusalHeaders({ status, retryAfterSeconds }: Refusal): Record<string, string> {
  return {
    ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
    ...(status === 405 && { allow: 'POST' }),
    // The rest of an oversized body is not read: the connection cannot be used again.
    ...(status === 413 && { connection: 'close' }),
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
  };
}
