import { once } from 'node:events';
import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { type Clock, pause } from '../../telemetry/index.ts';
import { MAX_REGISTRY_BODY_BYTES, type Trust, trustOptions } from '../../wire/index.ts';
import { codeOf, ExecutorError } from '../errors.ts';

/**
 * Pauses before a call is made again when nobody took it, in milliseconds. Whoever balances the load goes on for some seconds to send calls
 * where a registry was killed; a harness waits for its handshake meanwhile, and must not be told that it failed. All calls may be repeated.
 */
const AGAIN_MS = [10, 40, 90, 160, 350, 700];

/** What the system says of an address where nobody listens any more. */
const NOBODY_THERE: readonly string[] = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'];

export interface HttpCall {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  readonly retryAfterMs?: number;
}

/** POSTs to one registry over sockets that are kept. Not by `fetch`: that loads undici, which costs every sidecar six megabytes. */
export class RegistryConnection {
  readonly #base: string;
  readonly #trust: Trust | undefined;
  readonly #clock: Clock;
  readonly #agent: Agent;

  constructor(base: string, clock: Clock, trust?: Trust) {
    this.#base = base;
    this.#clock = clock;
    this.#trust = trust;
    this.#agent = this.#isTls ? new TlsAgent({ keepAlive: true }) : new Agent({ keepAlive: true });
  }

  get #isTls(): boolean {
    return this.#base.startsWith('https:');
  }

  /**
   * Follows no redirect.
   *
   * @throws ExecutorError `message_too_large`, an AbortError, or the socket's error
   */
  async post(path: string, call: HttpCall): Promise<HttpAnswer> {
    for (const milliseconds of AGAIN_MS) {
      try {
        return await this.#ask(path, call);
      } catch (error) {
        if (!NOBODY_THERE.includes(codeOf(error))) throw error;
      }
      await pause(milliseconds, this.#clock, call.signal);
    }
    return this.#ask(path, call);
  }

  close(): void {
    this.#agent.destroy();
  }

  /**
   * A kept socket that its registry closes in the moment in which we write is no answer (RFC 9112, 9.3.1): every registry that ends does so. Then
   * it is said once more, on a new one.
   */
  async #ask(path: string, call: HttpCall): Promise<HttpAnswer> {
    const kept = this.#start(path, call, this.#agent);
    try {
      return await answerTo(kept);
    } catch (error) {
      if (!kept.reusedSocket || !isHangUp(error)) throw error;
      return answerTo(this.#start(path, call, false));
    }
  }

  #start(path: string, { headers, body, signal }: HttpCall, agent: Agent | false): ClientRequest {
    const start = this.#isTls ? tlsRequest : httpRequest;
    // The agent gives a request only a socket that trusts what the request does.
    const options = { method: 'POST', headers, signal, agent, ...trustOptions(this.#trust) };
    const request = start(`${this.#base}${path}`, options).end(body);
    request.on('error', () => {}); // one that comes after the response ends the reading of its body, which says so
    return request;
  }
}

async function answerTo(request: ClientRequest): Promise<HttpAnswer> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const seconds = Number(response.headers['retry-after'] ?? Number.NaN);
  return {
    status: response.statusCode ?? 0,
    body: await bodyOf(response),
    ...(seconds >= 0 && { retryAfterMs: seconds * 1000 }),
  };
}

function isHangUp(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ECONNRESET' || code === 'EPIPE';
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    length += chunk.length;
    if (length > MAX_REGISTRY_BODY_BYTES)
      throw new ExecutorError('message_too_large', 'registry', 'a body over 64 KiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
