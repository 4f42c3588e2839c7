import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Clock, type Logger, systemClock } from '../../telemetry/index.ts';
import {
  type EnvironmentId,
  MAX_REGISTRY_BODY_BYTES,
  type RegistryCall,
  registryPath,
  type Trust,
} from '../../wire/index.ts';
import { HarnessError } from '../error.ts';
import { CredentialAhead, type CredentialSource } from '../registry/credential.ts';
import type { RemoteKeys } from '../registry/remote-keys.ts';
import { type Answer, refusal, refusalFor } from './answer.ts';
import type { ConnectorEvent } from './events.ts';
import { executorRoutes } from './executor-routes.ts';
import { harnessRoutes } from './harness-routes.ts';
import { RelayPaths } from './relay-paths.ts';
import { RelaySockets } from './relay-sockets.ts';
import type { ChildRequest, RouteContext, Routes } from './route.ts';

export interface ConnectorOptions {
  /** What the child is. */
  role: 'harness' | 'executor';
  environmentId: EnvironmentId;
  /** The registry's base URL. */
  registryUrl: string;
  credential: CredentialSource;
  /** Upstream; the system's authorities when there is none. */
  trust?: Trust;
  /** Of which the executor's key must be one (role `harness`); any by default. */
  remoteKeys?: RemoteKeys;
  logger: Logger;
  onEvent?: (event: ConnectorEvent) => void;
  clock?: Clock;
  random?: () => number;
}

export interface Connector {
  /** The registry base URL for the child, on loopback. */
  readonly url: string;
  /** The bearer for the child: random, of this run, good for nothing else. */
  readonly token: string;
  close(): Promise<void>;
}

/** The loopback proxy in front of a real harness or executor (design §3, our-side §4). It sees ciphertext only. */
export async function startConnector(options: ConnectorOptions): Promise<Connector> {
  const clock = options.clock ?? systemClock;
  const token = randomBytes(32).toString('hex');
  const credentials = new CredentialAhead(options.credential, clock);
  const paths = new RelayPaths({ reusable: options.role === 'executor' });
  const report = (event: ConnectorEvent) => {
    options.logger.debug({ event }, 'connector event');
    options.onEvent?.(event);
  };
  const trust = options.trust === undefined ? {} : { trust: options.trust };
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const authority = `127.0.0.1:${portOf(server)}`;
  const context: RouteContext = {
    endpoint: { registryUrl: options.registryUrl, environmentId: options.environmentId, ...trust },
    credentials,
    clock,
    random: options.random ?? Math.random,
    localUrl: (relayUrl) => `ws://${authority}${paths.publish(relayUrl)}`,
    report,
  };
  const sockets = new RelaySockets({ role: options.role, paths, clock, report, ...trust });
  const routes = options.role === 'harness' ? harnessRoutes(options.remoteKeys ?? []) : executorRoutes();
  server.on('request', (request, response) => {
    void answerChild(request, response, { routes, context, token });
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    void sockets.upgrade(request, socket, head);
  });
  return {
    url: `http://${authority}`,
    token,
    async close() {
      credentials.close();
      sockets.close();
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}

interface Door {
  routes: Routes;
  context: RouteContext;
  token: string;
}

async function answerChild(request: IncomingMessage, response: ServerResponse, door: Door): Promise<void> {
  const aborter = new AbortController();
  response.once('close', () => aborter.abort());
  const { status, body } = await answerFor(request, door, aborter.signal);
  if (response.destroyed) return;
  // A connection for each call. Node closes one that was idle for a while even if a call lies unread in it; a child whose call ends without an
  // answer is lost: a real harness ends its recovery, a real executor its process.
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(body));
}

async function answerFor(request: IncomingMessage, door: Door, signal: AbortSignal): Promise<Answer> {
  const call = callOf(request, door.context.endpoint.environmentId);
  const route = call && door.routes[call];
  if (!call || !route) return refusal(404, 'not_found', 'this connector serves one environment, for one role');
  if (!isBearer(request, door.token)) return refusal(401, 'token_invalid', 'not the token of this run');
  try {
    const child: ChildRequest = { body: await readBody(request), headers: forwardedHeaders(request), signal };
    return await route(child, door.context);
  } catch (error) {
    const answer = refusalFor(error);
    const { code, message } =
      error instanceof HarnessError ? error : { code: 'connector_failed', message: String(error) };
    if (!signal.aborted) door.context.report({ type: 'refused', call, status: answer.status, code, message });
    return answer;
  }
}

function callOf(request: IncomingMessage, environmentId: EnvironmentId): RegistryCall | undefined {
  if (request.method !== 'POST' || request.headers.origin !== undefined) return undefined;
  const calls: RegistryCall[] = ['connect', 'register', 'validate'];
  return calls.find((call) => request.url === registryPath(environmentId, call));
}

/** Equal in constant time; hashes make the lengths equal. */
function isBearer(request: IncomingMessage, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(request.headers.authorization ?? ''), digest(`Bearer ${token}`));
}

/** The child's own description of a request goes on; its credential and what belongs to its connection do not. */
function forwardedHeaders(request: IncomingMessage): Record<string, string> {
  const wanted = (name: string) => name.startsWith('x-codex-') || name === 'traceparent' || name === 'tracestate';
  return Object.fromEntries(
    Object.entries(request.headers).filter((entry): entry is [string, string] => {
      return wanted(entry[0]) && typeof entry[1] === 'string';
    }),
  );
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_REGISTRY_BODY_BYTES) {
      throw new HarnessError('body_too_large', 'request', 'the body is too large', { status: 413 });
    }
  }
  return Buffer.concat(chunks).toString('utf8');
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the connector has no port');
  return address.port;
}
