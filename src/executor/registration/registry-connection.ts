import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { MAX_REGISTRY_BODY_BYTES, type Trust, trustOptions } from '../../wire/index.ts';
import { ExecutorError } from '../errors.ts';

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
  readonly #agent: Agent;

  constructor(base: string, trust?: Trust) {
    this.#base = base;
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
  async post(path: string, { headers, body, signal }: HttpCall): Promise<HttpAnswer> {
    const start = this.#isTls ? tlsRequest : httpRequest;
    // The agent gives a request only a socket that trusts what the request does.
    const options = { method: 'POST', headers, signal, agent: this.#agent, ...trustOptions(this.#trust) };
    const request = start(`${this.#base}${path}`, options).end(body);
    request.on('error', () => {}); // one that comes after the response ends the reading of its body, which says so
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const seconds = Number(response.headers['retry-after'] ?? Number.NaN);
    return {
      status: response.statusCode ?? 0,
      body: await bodyOf(response),
      ...(seconds >= 0 && { retryAfterMs: seconds * 1000 }),
    };
  }

  close(): void {
    this.#agent.destroy();
  }
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
