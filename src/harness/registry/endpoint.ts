import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '../../telemetry/index.ts';
import {
  type EnvironmentId,
  MAX_REGISTRY_BODY_BYTES,
  type RegistryCall,
  registryPath,
  type Trust,
  trustOptions,
} from '../../wire/index.ts';
import { HarnessError } from '../error.ts';

/** A registry as one environment's client sees it. */
export interface RegistryEndpoint {
  /** Base URL; a path prefix in it is kept (contract §2). */
  registryUrl: string;
  environmentId: EnvironmentId;
  /** The system's authorities when there is none. */
  trust?: Trust;
}

export interface RegistryRequest {
  call: RegistryCall;
  credential: string;
  /** JSON text. */
  body: string;
  /** From the first byte sent to the last one received. */
  timeoutMs: number;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Any status. Redirects are answers like others: they are never followed (contract §2). */
export interface RegistryAnswer {
  status: number;
  body: string;
  retryAfter?: string;
}

/** The URL of a call: the base trimmed, without trailing slashes, its path kept. */
function registryCallUrl({ registryUrl, environmentId }: RegistryEndpoint, call: RegistryCall): URL {
  return new URL(`${registryUrl.trim().replace(/\/+$/, '')}${registryPath(environmentId, call)}`);
}

/**
 * One `POST` to the registry.
 *
 * @throws HarnessError `registry_unreachable`, `registry_timeout` (both retryable), `registry_malformed` for a body over the limit,
 * `aborted`
 */
export function callRegistry(
  endpoint: RegistryEndpoint,
  request: RegistryRequest,
  clock: Clock,
): Promise<RegistryAnswer> {
  const { call, credential, body, timeoutMs, headers, signal } = request;
  const url = registryCallUrl(endpoint, call);
  return new Promise<RegistryAnswer>((resolve, reject) => {
    const fail = (error: HarnessError) => {
      reject(error);
      outgoing.destroy();
    };
    const outgoing = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      method: 'POST',
      // A connection of its own for each call: a kept one may be dead, and calls are seconds apart.
      agent: false,
      ...trustOptions(endpoint.trust),
      headers: {
        ...headers,
        accept: '*/*',
        authorization: `Bearer ${credential}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
    });
    const aborted = () => fail(new HarnessError('aborted', call, 'the call was given up', { cause: signal?.reason }));
    const timer = clock.after(timeoutMs, () =>
      fail(new HarnessError('registry_timeout', call, `no answer within ${timeoutMs} ms`, { retryable: true })),
    );
    signal?.addEventListener('abort', aborted, { once: true });
    outgoing.once('close', () => {
      timer.cancel();
      signal?.removeEventListener('abort', aborted);
    });
    outgoing.once('response', (incoming) => readAnswer(incoming, call).then(resolve, fail));
    outgoing.once('error', (cause) => fail(unreachable(call, cause)));
    if (signal?.aborted) aborted();
    else outgoing.end(body);
  });
}

async function readAnswer(incoming: IncomingMessage, call: RegistryCall): Promise<RegistryAnswer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of incoming) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_REGISTRY_BODY_BYTES)
        throw new HarnessError('registry_malformed', call, 'the answer is too large');
    }
  } catch (cause) {
    throw cause instanceof HarnessError ? cause : unreachable(call, cause);
  }
  const retryAfter = incoming.headers['retry-after'];
  return {
    status: incoming.statusCode ?? 0,
    body: Buffer.concat(chunks).toString('utf8'),
    ...(retryAfter !== undefined && { retryAfter }),
  };
}

function unreachable(call: RegistryCall, cause: unknown): HarnessError {
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'the connection broke';
  return new HarnessError('registry_unreachable', call, `no answer from the registry: ${reason}`, {
    retryable: true,
    cause,
  });
}
