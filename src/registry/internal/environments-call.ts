import type { IncomingMessage, ServerResponse } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../telemetry/index.ts';
import { INTERNAL_HEARTBEAT_MS, type RegistryToOperator, registryToOperator } from '../../wire/index.ts';
import { REFUSALS, type Refusal } from '../api/answer.ts';
import { bearerOf } from '../bearer.ts';
import type { Directory } from '../directory/directory.ts';
import type { PeerProofs } from '../peer-proofs.ts';
import type { EnvironmentFeed } from './environment-feed.ts';

/** Lines that an operator does not read; beyond, it starts anew and gets everything. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;

export interface EnvironmentsOptions {
  /** Which replica answers: the operator asks them all. */
  readonly registryId: string;
  readonly proofs: PeerProofs;
  readonly feed: EnvironmentFeed;
  readonly directory: Directory;
  /** Whether the absence of a registration means that it is not there. */
  readonly settled: () => boolean;
  /** Ids of the ticket keys that are loaded here. */
  readonly ticketKeys: () => readonly string[];
  readonly isClosing: () => boolean;
  readonly clock: Clock;
}

/** `GET /internal/v1/environments[?watch]`: what the operator may know of each executor, answered from memory. */
export async function environmentsCall(
  request: IncomingMessage,
  response: ServerResponse,
  options: EnvironmentsOptions,
): Promise<Refusal | undefined> {
  const refusal = await refusalOf(request, options);
  if (refusal !== undefined || response.destroyed) return refusal;
  const { registryId, feed, clock } = options;
  const watch = new URLSearchParams(request.url?.split('?')[1] ?? '').has('watch');
  response.writeHead(200, { 'content-type': 'application/jsonl', 'cache-control': 'no-store' });
  const say = (message: RegistryToOperator) => {
    if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
    else response.write(`${registryToOperator.encode(message)}\n`);
  };
  say({ type: 'hello', registryId });
  const stop = feed.listen({
    environment: (environment) => say({ type: 'environment', environment }),
    gone: (environmentId) => say({ type: 'gone', environmentId }),
    closed: () => response.end(),
  });
  let told = syncedNow(options);
  say(told);
  if (!watch) {
    stop();
    response.end();
    return undefined;
  }
  let timer = clock.after(INTERNAL_HEARTBEAT_MS, beat);
  function beat(): void {
    const now = syncedNow(options);
    say(isDeepStrictEqual(now, told) ? { type: 'heartbeat' } : now);
    told = now;
    timer = clock.after(INTERNAL_HEARTBEAT_MS, beat);
  }
  response.on('close', () => {
    stop();
    timer.cancel();
  });
  return undefined;
}

function syncedNow({ settled, ticketKeys }: EnvironmentsOptions): Extract<RegistryToOperator, { type: 'synced' }> {
  return { type: 'synced', complete: settled(), ticketKeys: [...ticketKeys()] };
}

async function refusalOf(
  request: IncomingMessage,
  { proofs, directory, isClosing }: EnvironmentsOptions,
): Promise<Refusal | undefined> {
  if (isClosing()) return REFUSALS.closing();
  const bearer = bearerOf(request);
  if (bearer === undefined) return REFUSALS.tokenInvalid('no_bearer');
  const { outcome } = await proofs.operator(bearer);
  switch (outcome) {
    case 'proven':
      return directory.synced() ? undefined : REFUSALS.notSynced();
    case 'expired':
      return REFUSALS.tokenExpired();
    case 'unavailable':
      return REFUSALS.notSynced();
    case 'unknown':
      return REFUSALS.tokenInvalid();
    default:
      return outcome satisfies never;
  }
}
