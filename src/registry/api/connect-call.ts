import { randomUUID } from 'node:crypto';
import {
  AUTHORIZATION_SECONDS,
  type ConnectResponse,
  connectRequest,
  decodePublicKey,
  type EnvironmentId,
  encodePublicKey,
  HARNESS_TICKET_SECONDS,
  type KeyHash,
  keyHash,
  MAX_AUTHORIZATION_BYTES,
  parseBody,
  SECURITY_PROFILE,
} from '../../wire/index.ts';
import { type RegistryContext, usableRoutes } from '../context.ts';
import type { ClientAuthentication } from '../directory/directory.ts';
import { identityHashOf } from '../identity-hash.ts';
import { REFUSALS, type Refusal } from './answer.ts';
import type { Answer, Call } from './call.ts';
import { type ConnectDecision, type ConnectFacts, decideConnect, isServed } from './connect.ts';
import { changeOrTime } from './wait.ts';

/** `POST …/connect`: a fresh bundle for each attempt of a harness (contract §2.3). */
export async function connectCall(call: Call, context: RegistryContext): Promise<Answer> {
  const client = await authenticate(call, context);
  const limited = limit(call, client, context);
  if (limited !== undefined) return deny(limited, call, client, undefined, context);
  if (client.outcome !== 'proven' || call.environmentId === undefined) {
    // Decided before the body is looked at: who may not connect learns nothing from what it sent.
    const decision = decideConnect(factsOf(call, client, undefined, context));
    return deny(decision.kind === 'refuse' ? decision : unknownEnvironment(), call, client, undefined, context);
  }
  const { harness_public_key } = parseBody(connectRequest, await call.body(), 'connect request');
  const harness = keyHash(decodePublicKey(harness_public_key));
  const decision = await decideWhenPossible(call, client, harness, context);
  if (decision.kind === 'refuse') return deny(decision, call, client, harness, context);
  return serve({ call, environmentId: call.environmentId, identity: client.identity, harness, decision, context });
}

function unknownEnvironment(): Refusal {
  return REFUSALS.notAuthorized('unknown_environment');
}

async function authenticate({ bearer }: Call, { directory }: RegistryContext): Promise<ClientAuthentication> {
  return bearer === undefined ? { outcome: 'unknown' } : directory.authenticateClient(bearer);
}

/** Limits are per identity, so that a stranger's guesses cost nobody else anything. */
function limit(call: Call, client: ClientAuthentication, context: RegistryContext): Refusal | undefined {
  if (client.outcome !== 'proven') return undefined;
  const now = context.clock.now();
  const waitMs = context.limits.connect.take(client.identity, now);
  if (waitMs !== undefined) return REFUSALS.rateLimited('connects_per_second', waitMs / 1000);
  if (call.environmentId === undefined) return undefined;
  const left = context.penalties.left(identityHashOf(client.identity), call.environmentId, now / 1000);
  if (left === undefined) return undefined;
  context.limits.penalised();
  return REFUSALS.rateLimited('failed_handshakes', left);
}

/** Looks again at every change until there is an answer; a hold ends by itself, so this ends too. */
async function decideWhenPossible(
  call: Call,
  client: ClientAuthentication,
  harness: KeyHash,
  context: RegistryContext,
): Promise<Exclude<ConnectDecision, { kind: 'hold' }>> {
  for (;;) {
    const decision = decideConnect(factsOf(call, client, harness, context));
    if (decision.kind !== 'hold') return decision;
    // Nobody is there to hear the answer: any will do.
    if (call.gone.aborted) return REFUSALS.closing();
    await changeOrTime(call, decision.until, context);
  }
}

function factsOf(
  { environmentId, arrivedAt }: Call,
  client: ClientAuthentication,
  harness: KeyHash | undefined,
  context: RegistryContext,
): ConnectFacts {
  const { clock, directory, hub, table, isClosing } = context;
  const now = clock.now();
  const record = environmentId && directory.environment(environmentId);
  const identity = client.outcome === 'proven' ? client.identity : undefined;
  return {
    now,
    arrivedAt,
    closing: isClosing(),
    directory: { synced: directory.synced(), complete: directory.complete() },
    client,
    record,
    grant: identity && environmentId && directory.grantFor(identity, environmentId),
    presenceSettled: hub.settled,
    routes: environmentId === undefined ? [] : usableRoutes(context, environmentId),
    session:
      record &&
      harness &&
      table.session(record.id, harness, record.fence.current, now, (copy) => isServed(copy, record)),
  };
}

interface Served {
  readonly call: Call;
  readonly environmentId: EnvironmentId;
  readonly identity: string;
  readonly harness: KeyHash;
  readonly decision: Extract<ConnectDecision, { kind: 'serve' }>;
  readonly context: RegistryContext;
}

async function serve({ call, environmentId, identity, harness, decision, context }: Served): Promise<Answer> {
  const { clock, signer, access, relayUrlFor } = context;
  const { route, grant, keyId } = decision;
  const { registrationId, publicKey } = route.ticket;
  const now = clock.now() / 1000;
  const jti = randomUUID();
  const identityHash = identityHashOf(identity);
  const bound = { environmentId, registrationId, grant, identityHash, harnessKeyHash: harness, jti };
  const { bootId, address } = route;
  const ticket = await signer.signHarnessTicket(
    { ...bound, bootId, address, expiresAt: now + HARNESS_TICKET_SECONDS },
    now,
  );
  const authorization = await signer.signAuthorization(
    { ...bound, identity, expiresAt: now + AUTHORIZATION_SECONDS },
    now,
  );
  if (authorization.length > MAX_AUTHORIZATION_BYTES) throw new RangeError('the authorization is over its limit');
  access.connectAllowed({
    audit: jti,
    identity,
    grant,
    environment: environmentId,
    registration: registrationId,
    key: keyId,
    harness,
    relay: bootId,
    heldMs: clock.now() - call.arrivedAt,
  });
  const body: ConnectResponse = {
    environment_id: environmentId,
    url: `${relayUrlFor(call.host)}/v1/harness?role=harness&ticket=${ticket}`,
    security_profile: SECURITY_PROFILE,
    executor_registration_id: registrationId,
    executor_public_key: encodePublicKey(publicKey),
    harness_key_authorization: authorization,
  };
  return { kind: 'ok', body };
}

function deny(
  refusal: Refusal,
  { environmentId, arrivedAt }: Call,
  client: ClientAuthentication,
  harness: KeyHash | undefined,
  { access, clock }: RegistryContext,
): Refusal {
  access.connectDenied({
    ...(client.outcome === 'proven' && { identity: client.identity }),
    ...(environmentId !== undefined && { environment: environmentId }),
    ...(harness !== undefined && { harness }),
    status: refusal.status,
    reason: refusal.reason,
    heldMs: clock.now() - arrivedAt,
  });
  return refusal;
}
