import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { RPC_CODES, RpcError } from '../../wire/index.ts';
import { MAX_REDIRECTS } from '../limits.ts';

export interface Header {
  readonly name: string;
  readonly value: string;
}

export interface HttpCall {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly Header[];
  readonly body: Buffer | undefined;
  readonly followRedirects: boolean;
  readonly signal: AbortSignal;
}

/** Statuses of a redirect; 303, and 301 and 302 of a POST, go on as GET without a body (RFC 9110 §15.4, and what clients do). */
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Not carried to another host: they were meant for the first. */
const HOST_BOUND = new Set(['authorization', 'cookie', 'cookie2', 'proxy-authorization', 'www-authenticate']);

/** They describe a body that a redirect dropped. */
const BODY_HEADERS = new Set(['content-length', 'content-type', 'content-encoding', 'transfer-encoding']);

/**
 * The response to `call`, its redirects followed; the body is not read, and not decoded either.
 *
 * @throws RpcError -32602 for headers or a method that cannot be sent, -32603 when there is no response
 */
export async function exchange(call: HttpCall): Promise<IncomingMessage> {
  let current = call;
  for (let redirects = 0; ; redirects++) {
    const response = await send(current);
    const next = current.followRedirects ? redirected(current, response) : undefined;
    if (!next) return response;
    response.resume();
    if (redirects >= MAX_REDIRECTS) throw failed('too many redirects');
    current = next;
  }
}

/** @throws RpcError -32602 */
export function parseHttpUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url) throw new RpcError(RPC_CODES.INVALID_PARAMS, 'http/request url is invalid');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new RpcError(
      RPC_CODES.INVALID_PARAMS,
      `http/request only supports http and https URLs, got ${url.protocol.slice(0, -1)}`,
    );
  }
  return url;
}

export function headersOf(response: IncomingMessage): Header[] {
  const headers: Header[] = [];
  for (let at = 0; at + 1 < response.rawHeaders.length; at += 2) {
    headers.push({ name: (response.rawHeaders[at] ?? '').toLowerCase(), value: response.rawHeaders[at + 1] ?? '' });
  }
  return headers;
}

export function failed(message: string, cause?: unknown): RpcError {
  return new RpcError(
    RPC_CODES.INTERNAL_ERROR,
    `http/request failed: ${message}`,
    cause === undefined ? {} : { cause },
  );
}

function send(call: HttpCall): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = create(call);
    request.once('response', resolve);
    // After the response, errors belong to the body, which has a listener of its own.
    request.on('error', (error) =>
      reject(failed(call.signal.aborted ? 'timed out or cancelled' : error.message, error)),
    );
    request.end(call.body);
  });
}

function create({ method, url, headers, body, signal }: HttpCall): ClientRequest {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  try {
    // Without an agent's pool: a request is not worth a socket that outlives it.
    const outgoing = request(url, { method, agent: false, signal, headers: { connection: 'close' } });
    for (const { name, value } of headers) outgoing.appendHeader(name, value);
    if (!outgoing.hasHeader('accept')) outgoing.setHeader('accept', '*/*');
    if (body && !outgoing.hasHeader('content-length')) outgoing.setHeader('content-length', body.length);
    return outgoing;
  } catch (cause) {
    throw new RpcError(RPC_CODES.INVALID_PARAMS, 'http/request method or header is invalid', { cause });
  }
}

function redirected(call: HttpCall, response: IncomingMessage): HttpCall | undefined {
  const { location } = response.headers;
  const status = response.statusCode ?? 0;
  const url = location !== undefined && REDIRECTS.has(status) ? URL.parse(location, call.url.href) : undefined;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) return undefined;
  const asGet = status === 303 ? call.method !== 'HEAD' : status < 303 && call.method === 'POST';
  const dropped = (name: string) =>
    (asGet && BODY_HEADERS.has(name)) || (url.origin !== call.url.origin && HOST_BOUND.has(name)) || name === 'host';
  return {
    ...call,
    url,
    method: asGet ? 'GET' : call.method,
    body: asGet ? undefined : call.body,
    headers: call.headers.filter(({ name }) => !dropped(name.toLowerCase())),
  };
}
