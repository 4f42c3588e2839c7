import { Readable } from 'node:stream';
import { Agent, type Dispatcher, errors, ProxyAgent } from 'undici';
import type { CachedCredentials, Credentials } from './credentials.ts';
import { tlsIdentity } from './credentials.ts';
import { ApiError } from './errors.ts';
import type { ApiRequest, ApiResponse, Transport } from './transport.ts';

/** A server on the same network accepts a connection in milliseconds; one that does not in this time is away. */
const CONNECT_TIMEOUT_MS = 5_000;
/**
 * The longest wait for an answer's head and between two parts of its body. The API server ends its own requests after 60 s
 * (`--request-timeout`), but an answer that takes more than half of that is not coming, and a socket to a server that died is found out so.
 */
const ANSWER_TIMEOUT_MS = 30_000;
/** Idle sockets are kept so long; shorter than the idle time-outs of usual load balancers (60 s and more). */
const IDLE_SOCKET_MS = 30_000;

/**
 * `SSL_OP_CLEANSE_PLAINTEXT` (`ssl.h` of OpenSSL 3): what was received is overwritten where it was deciphered, once it was read. Node has no name for it.
 * For connections over which keys may come.
 */
export const CLEANSE_PLAINTEXT = 2;

/** Objects are JSON. Not all that is read is an object, and its media type may be another and no other. */
const ANY_JSON_FIRST = 'application/json, */*;q=0.5';

export interface UndiciTransportOptions {
  /** `https://host:port`, perhaps with a path prefix. */
  readonly server: string;
  readonly credentials: CachedCredentials;
  readonly userAgent: string;
}

/**
 * HTTP/1.1 on undici, a socket for each watch. HTTP/2 would put all of them on one connection: one lost packet stalls every watch, and one dead
 * connection has to be noticed by a ping.
 */
export class UndiciTransport implements Transport {
  readonly #origin: string;
  readonly #prefix: string;
  readonly #credentials: CachedCredentials;
  readonly #userAgent: string;
  #sockets: { readonly identity: string; readonly dispatcher: Dispatcher } | undefined;
  #closed = false;

  constructor({ server, credentials, userAgent }: UndiciTransportOptions) {
    const url = new URL(server);
    this.#origin = url.origin;
    this.#prefix = url.pathname.replace(/\/+$/, '');
    this.#credentials = credentials;
    this.#userAgent = userAgent;
  }

  async send(request: ApiRequest): Promise<ApiResponse> {
    const credentials = await this.#credentialsFor(request, () => this.#credentials.current());
    const response = await this.#sendAs(credentials, request);
    if (response.status !== 401) return response;
    const renewed = await this.#credentialsFor(request, () => this.#credentials.renew(credentials));
    if (renewed === credentials) return response;
    for await (const _ of response.body);
    return this.#sendAs(renewed, request);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#sockets?.dispatcher.destroy();
  }

  async #credentialsFor({ step }: ApiRequest, read: () => Promise<Credentials>): Promise<Credentials> {
    try {
      return await read();
    } catch (cause) {
      throw new ApiError({
        code: 'Unauthorized',
        step,
        message: `credentials could not be read: ${text(cause)}`,
        cause,
      });
    }
  }

  async #sendAs(credentials: Credentials, request: ApiRequest): Promise<ApiResponse> {
    const dispatcher = this.#dispatcherFor(credentials);
    const { method, path, body, contentType, accept = ANY_JSON_FIRST, signal, longLived = false } = request;
    try {
      const response = await dispatcher.request({
        origin: this.#origin,
        path: this.#prefix + path,
        method,
        headers: {
          accept,
          'user-agent': this.#userAgent,
          ...(contentType === undefined ? {} : { 'content-type': contentType }),
          ...(body instanceof Uint8Array ? { 'content-length': String(body.length) } : {}),
          ...credentials.headers,
        },
        headersTimeout: ANSWER_TIMEOUT_MS,
        bodyTimeout: longLived ? 0 : ANSWER_TIMEOUT_MS,
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : Readable.from(inPieces(body)) }),
        ...(signal === undefined ? {} : { signal }),
      });
      const broken = (error: unknown) => this.#failure(error, request, dispatcher);
      return { status: response.statusCode, headers: response.headers, body: translated(response.body, broken) };
    } catch (error) {
      throw this.#failure(error, request, dispatcher);
    }
  }

  /**
   * What went wrong on the wire. All idle sockets go with it: they may lead to a server that died, or to an address that its name no longer has,
   * and each would fail one request more.
   */
  #failure(error: unknown, { step, signal }: ApiRequest, dispatcher: Dispatcher): unknown {
    if (signal?.aborted) return signal.reason;
    this.#retire(dispatcher);
    const silent = error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError;
    return new ApiError({ code: silent ? 'Silent' : 'Unreachable', step, message: text(error), cause: error });
  }

  #dispatcherFor(credentials: Credentials): Dispatcher {
    if (this.#closed) throw new TypeError('the connection to the API server was closed');
    const identity = tlsIdentity(credentials);
    if (this.#sockets?.identity === identity) return this.#sockets.dispatcher;
    if (this.#sockets !== undefined) this.#retire(this.#sockets.dispatcher);
    const dispatcher = dispatcherOf(credentials);
    this.#sockets = { identity, dispatcher };
    return dispatcher;
  }

  /** New requests get new sockets; idle ones are closed now, those in use when their request ends. */
  #retire(dispatcher: Dispatcher): void {
    if (this.#sockets?.dispatcher !== dispatcher) return;
    this.#sockets = undefined;
    dispatcher.close().catch(() => {});
  }
}

function dispatcherOf({ tls, proxy }: Credentials): Dispatcher {
  const common = {
    allowH2: false,
    keepAliveTimeout: IDLE_SOCKET_MS,
    keepAliveMaxTimeout: IDLE_SOCKET_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
  };
  const connect = {
    timeout: CONNECT_TIMEOUT_MS,
    secureOptions: CLEANSE_PLAINTEXT,
    ...Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)),
  };
  if (proxy !== undefined) return new ProxyAgent({ ...common, uri: proxy, requestTls: connect });
  return new Agent({ ...common, connect });
}

/**
 * Bytes that are to be nowhere else: what is written together with the head is copied with it into memory that nobody wipes, what is written by itself is
 * enciphered from where it lies. So the head takes no more than the first byte along.
 */
async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, 1);
  yield bytes.subarray(1);
}

async function* translated(body: AsyncIterable<Uint8Array>, failure: (error: unknown) => unknown) {
  try {
    yield* body;
  } catch (error) {
    throw failure(error);
  }
}

function text(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code}: ` : '';
  return error.message.startsWith(code) ? error.message : code + error.message;
}
