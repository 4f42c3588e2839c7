import type { ClientRequest } from 'node:http';
import { type Agent, request } from 'node:https';

/** Vault's standbys that do not forward name the node that is active, and that one answers. */
const MAX_REDIRECTS = 1;

export interface ExchangeOptions {
  readonly httpsAgent: Agent;
  /** Of silence. Milliseconds. */
  readonly timeout: number;
}

interface Exchange {
  readonly uri: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The body, in bytes. */
  readonly json?: Uint8Array;
  /** The answer as it came: whoever asks wipes it. */
  readonly asBytes?: boolean;
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly bytes: Buffer;
}

/**
 * By what node-vault sends. The client that it brings makes texts of everything that comes, and a private key in a text is in memory until that part
 * of memory is used again; this one wipes what it received. It takes nothing from the environment, no proxy either.
 */
export function exchangeOver(options: ExchangeOptions) {
  return { defaults: () => (exchange: Exchange) => answerTo(exchange, options) };
}

async function answerTo(exchange: Exchange, options: ExchangeOptions) {
  const { status, bytes } = await sent(exchange, options, MAX_REDIRECTS);
  const request = { path: new URL(exchange.uri).pathname };
  if (status === 200 && exchange.asBytes === true) return { statusCode: status, body: bytes, request };
  return { statusCode: status, body: parsed(bytes), request };
}

async function sent(exchange: Exchange, options: ExchangeOptions, redirects: number): Promise<Answer> {
  const answer = await once(exchange, options);
  if (answer.status !== 307 || answer.location === undefined || redirects === 0) return answer;
  return sent({ ...exchange, uri: new URL(answer.location, exchange.uri).href }, options, redirects - 1);
}

function once({ uri, method, headers, json }: Exchange, { httpsAgent, timeout }: ExchangeOptions): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const length = json === undefined ? {} : { 'content-length': String(json.length) };
  const sending = request(uri, { method, headers: { ...headers, ...length }, agent: httpsAgent, timeout });
  sending.on('timeout', () => sending.destroy(Object.assign(new Error('silence'), { code: 'ETIMEDOUT' })));
  sending.on('error', reject);
  wipeWhenClosed(sending);
  sending.on('response', (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('close', () => {
      for (const chunk of chunks) chunk.fill(0);
    });
    response.on('end', () => {
      const location = response.headers.location;
      resolve({ status: response.statusCode ?? 0, location, bytes: Buffer.concat(chunks) });
    });
  });
  // What is written together with the head is copied with it into memory that nobody wipes; what is written by itself is enciphered from where it lies.
  if (json === undefined) sending.end();
  else sending.write(json.subarray(0, 1), () => sending.end(json.subarray(1)));
  return promise;
}

/** What came over the socket, from which the parser copies. The socket is used again. */
function wipeWhenClosed(sending: ClientRequest): void {
  const received: Buffer[] = [];
  const receive = (chunk: Buffer) => received.push(chunk);
  sending.on('socket', (socket) => {
    socket.on('data', receive);
    sending.on('close', () => {
      socket.off('data', receive);
      for (const chunk of received) chunk.fill(0);
    });
  });
}

/** Undefined for what is no JSON: a proxy's words, or nothing. */
function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
