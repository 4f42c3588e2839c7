import type { IncomingMessage } from 'node:http';
import {
  decodeBase64,
  type ExecNotificationParams,
  type ExecResult,
  MAX_BODY_DELTA_BYTES,
  type ParsedExecParams,
  RPC_CODES,
  RpcError,
} from '../../wire/index.ts';
import { MAX_HTTP_BODY_BYTES, MAX_HTTP_REQUESTS, PUMP_HIGH_WATER_BYTES } from '../limits.ts';
import { exchange, failed, headersOf, parseHttpUrl } from './exchange.ts';

type Params = ParsedExecParams<'http/request'>;
type Result = ExecResult<'http/request'>;
type BodyDelta = ExecNotificationParams<'http/request/bodyDelta'>;

export interface HttpRequestsOptions {
  notify(delta: BodyDelta): void;
  sink: { bufferedBytes(): number };
}

/** `http/request` of one connection (contract §9.5): requests run beside each other, and end with the connection. */
export class HttpRequests {
  readonly #options: HttpRequestsOptions;
  readonly #running = new Map<AbortController, string>();
  /** Bodies that wait for the socket. */
  readonly #paused = new Set<IncomingMessage>();

  constructor(options: HttpRequestsOptions) {
    this.#options = options;
  }

  /** @throws RpcError -32602 for what cannot be sent, -32600 for one too many, -32603 when there is no whole response */
  async request(params: Params): Promise<Result> {
    const control = this.#admit(params);
    let streaming = false;
    try {
      const timeout = typeof params.timeoutMs === 'number' ? [AbortSignal.timeout(params.timeoutMs)] : [];
      const response = await exchange({
        method: params.method,
        url: parseHttpUrl(params.url),
        headers: params.headers.map(plainHeader),
        body: decodeBody(params.bodyBase64),
        followRedirects: params.redirectPolicy === 'follow',
        signal: AbortSignal.any([control.signal, ...timeout]),
      });
      const head = { status: response.statusCode ?? 0, headers: headersOf(response) };
      if (!params.streamResponse) return { ...head, bodyBase64: (await readBody(response)).toString('base64') };
      streaming = true;
      // After the answer, which says what the deltas belong to.
      setImmediate(() => this.#stream(params.requestId, response, control));
      return { ...head, bodyBase64: '' };
    } finally {
      if (!streaming) this.#running.delete(control);
    }
  }

  /** The socket has room again. */
  drained(): void {
    for (const response of this.#paused) response.resume();
    this.#paused.clear();
  }

  close(): void {
    for (const control of this.#running.keys()) control.abort();
    this.#running.clear();
    this.#paused.clear();
  }

  #admit({ requestId }: Params): AbortController {
    if (this.#running.size >= MAX_HTTP_REQUESTS) {
      throw new RpcError(
        RPC_CODES.INVALID_REQUEST,
        `at most ${MAX_HTTP_REQUESTS} HTTP requests may run per connection`,
      );
    }
    const control = new AbortController();
    this.#running.set(control, requestId);
    return control;
  }

  #stream(requestId: string, response: IncomingMessage, control: AbortController): void {
    let seq = 1;
    const send = (bytes: Buffer, done: boolean, error: string | null) =>
      this.#options.notify({ requestId, seq: seq++, deltaBase64: bytes.toString('base64'), done, error });
    let ended = false;
    const end = (error: string | null) => {
      if (ended) return;
      ended = true;
      this.#running.delete(control);
      this.#paused.delete(response);
      send(Buffer.alloc(0), true, error);
    };
    response.on('data', (bytes: Buffer) => {
      for (let at = 0; at < bytes.length; at += MAX_BODY_DELTA_BYTES) {
        send(bytes.subarray(at, at + MAX_BODY_DELTA_BYTES), false, null);
      }
      if (this.#options.sink.bufferedBytes() < PUMP_HIGH_WATER_BYTES) return;
      response.pause();
      this.#paused.add(response);
    });
    response.once('end', () => end(null));
    response.once('error', () => end('the response body ended early'));
    response.once('close', () => end('the response body ended early'));
  }
}

function plainHeader({ name, value, valueEnvVar }: Params['headers'][number]) {
  if (valueEnvVar !== undefined && valueEnvVar !== null) {
    throw new RpcError(
      RPC_CODES.INVALID_PARAMS,
      'http/request: valueEnvVar is not supported, as environment/info says',
    );
  }
  return { name, value };
}

function decodeBody(text: string | null | undefined): Buffer | undefined {
  if (text === undefined || text === null) return undefined;
  try {
    return decodeBase64(text);
  } catch (cause) {
    throw new RpcError(RPC_CODES.INVALID_PARAMS, 'http/request: bodyBase64 is not standard base64 with padding', {
      cause,
    });
  }
}

async function readBody(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let total = 0;
  try {
    for await (const part of response) {
      if (!Buffer.isBuffer(part)) continue;
      total += part.length;
      if (total > MAX_HTTP_BODY_BYTES) break;
      parts.push(part);
    }
  } catch (cause) {
    throw failed('the response body ended early', cause);
  }
  if (total > MAX_HTTP_BODY_BYTES)
    throw failed(`the body has more than ${MAX_HTTP_BODY_BYTES} bytes: use streamResponse`);
  return Buffer.concat(parts);
}
