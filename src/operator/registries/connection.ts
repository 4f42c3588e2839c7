import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { ENVIRONMENTS_PATH } from '../../wire/index.ts';
import { LineSplitter } from './lines.ts';

/** A replica that does not answer by then is tried again. Milliseconds. */
const ANSWER_MS = 10_000;

/** One replica of a registry, and how to know that it is one. */
export interface RegistryAddress {
  /** Of its pod. */
  readonly host: string;
  readonly port: number;
  /** The name that its certificate has to have: that of the Service. */
  readonly serverName: string;
  /** PEM. Undefined: what everybody trusts. */
  readonly ca: string | undefined;
}

/** What became of a connection to a registry. */
export class FeedError extends Error {
  override readonly name = 'FeedError';
  readonly code: 'connection_failed' | 'refused' | 'malformed' | 'silent' | 'closed' | 'no_token';
  readonly step = 'watch a registry';

  constructor(code: FeedError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Hears a registry's lines until it ends; rejects with `FeedError`. Never resolves: a watch has no end of its own. */
export type WatchRegistry = (
  address: RegistryAddress,
  onLines: (lines: readonly string[]) => void,
  signal: AbortSignal,
) => Promise<never>;

/**
 * `GET /internal/v1/environments?watch` (design §6) with the operator's own token from a file, read for each connection: the kubelet renews
 * it there.
 */
export function watchByHttps(tokenFile: string): WatchRegistry {
  return async (address, onLines, signal) => {
    const response = await open(address, await tokenIn(tokenFile), signal);
    if (response.statusCode !== 200) {
      response.destroy();
      throw new FeedError('refused', `the registry answers ${response.statusCode}`);
    }
    const splitter = new LineSplitter();
    try {
      for await (const piece of response) onLines(splitter.push(piece));
    } catch (cause) {
      if (signal.aborted || cause instanceof FeedError) throw cause;
      throw new FeedError('connection_failed', 'the connection was lost', { cause });
    }
    throw new FeedError('closed', 'the registry has ended the watch');
  };
}

async function tokenIn(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new FeedError('no_token', `the token for registries cannot be read from ${file}`, { cause });
  }
}

function open(
  { host, port, serverName, ca }: RegistryAddress,
  token: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request({
      ...{ host, port, servername: serverName, signal },
      // A connection of its own: nothing is gained by keeping it, and a certificate is checked again at each.
      agent: false,
      ...(ca !== undefined && { ca }),
      path: `${ENVIRONMENTS_PATH}?watch`,
      headers: { host: serverName, authorization: `Bearer ${token}` },
      timeout: ANSWER_MS,
    });
    call.once('timeout', () => call.destroy(new Error('no answer')));
    call.once('error', (cause) => {
      reject(new FeedError('connection_failed', 'the registry cannot be reached', { cause }));
    });
    call.once('response', (response) => {
      call.setTimeout(0); // from here on the heartbeat tells whether it lives
      resolve(response);
    });
    call.end();
  });
}
