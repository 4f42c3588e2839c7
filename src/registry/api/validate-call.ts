import {
  decodePublicKey,
  type HarnessAuthorization,
  type KeyHash,
  keyHash,
  parseBody,
  TICKET_CLOCK_SKEW_SECONDS,
  TicketError,
  type ValidateResponse,
  validateRequest,
} from '../../wire/index.ts';
import type { RegistryContext } from '../context.ts';
import { identityHashOf } from '../identity-hash.ts';
import { REFUSALS } from './answer.ts';
import type { Answer, Call } from './call.ts';
import { credentialRefusal } from './credential.ts';
import { decideValidate, type ValidateDecision, type ValidateFacts } from './validate.ts';

/** `POST …/validate`: an executor asks about the harness key that a handshake proved (contract §2.4). */
export async function validateCall(call: Call, context: RegistryContext): Promise<Answer> {
  const { environmentId, bearer } = call;
  if (environmentId === undefined) return REFUSALS.environmentUnknown();
  if (bearer === undefined) return REFUSALS.tokenInvalid('no_bearer');
  const executor = await context.directory.authenticateExecutor(bearer, environmentId);
  const bad = credentialRefusal(executor);
  if (bad !== undefined) return bad;
  if (executor.outcome === 'proven') {
    const waitMs = context.limits.validate.take(executor.environmentId, context.clock.now());
    if (waitMs !== undefined) return REFUSALS.rateLimited('validations_per_second', waitMs / 1000);
  }
  const request = parseBody(validateRequest, await call.body(), 'validate request');
  const registrationId = request.executor_registration_id;
  // By its decoded bytes: another spelling of the same key is the same key.
  const harnessKeyHash = keyHash(decodePublicKey(request.harness_public_key));
  const authorization = await verified(request.harness_key_authorization, context);
  const claims = 'claims' in authorization ? authorization.claims : undefined;
  // From here on nothing is awaited: looking whether an authorization was used and using it are one step.
  const decision = decideValidate({
    closing: context.isClosing(),
    synced: context.directory.synced(),
    environmentId,
    executor,
    record: context.directory.environment(environmentId),
    registrationId,
    harnessKeyHash,
    authorization,
    alreadyUsed: claims !== undefined && context.usedAuthorizations.has(claims.jti),
    denied: context.denies.against({ environmentId, registrationId }) !== undefined,
    grant: claims && context.directory.grantFor(claims.identity, environmentId),
  });
  log(decision, { environmentId, harnessKeyHash, claims }, context);
  return answer(decision, context);
}

async function verified(token: string, { verifier, clock }: RegistryContext): Promise<ValidateFacts['authorization']> {
  try {
    return { claims: await verifier.verifyAuthorization(token, clock.now() / 1000) };
  } catch (error) {
    if (error instanceof TicketError) return { refused: error.code };
    throw error;
  }
}

function answer(decision: ValidateDecision, { usedAuthorizations, clock }: RegistryContext): Answer {
  if (decision.kind === 'refuse') return decision;
  if (decision.kind === 'invalid') return { kind: 'ok', body: { valid: false } satisfies ValidateResponse };
  const { jti, identity, expiresAt } = decision.claims;
  // Kept as long as its signature would still be accepted.
  usedAuthorizations.use(jti, expiresAt + TICKET_CLOCK_SKEW_SECONDS, clock.now() / 1000);
  const who = { grant: decision.grant, identity, identityHash: identityHashOf(identity), jti };
  return { kind: 'ok', body: { valid: true, ...(decision.tellsWho && who) } satisfies ValidateResponse };
}

interface Asked {
  readonly environmentId: string;
  readonly harnessKeyHash: KeyHash;
  readonly claims: HarnessAuthorization | undefined;
}

function log(
  decision: ValidateDecision,
  { environmentId, harnessKeyHash, claims }: Asked,
  { access }: RegistryContext,
): void {
  const fields = {
    ...(claims !== undefined && { audit: claims.jti, identity: claims.identity }),
    environment: environmentId,
    harness: harnessKeyHash,
  };
  if (decision.kind === 'valid') {
    access.handshakeValidated({ ...fields, grant: decision.grant, key: decision.keyId });
  } else if (decision.kind === 'invalid') {
    access.handshakeRefused({ ...fields, reason: decision.reason });
  } else {
    access.handshakeRefused({ ...fields, status: decision.status, reason: decision.reason });
  }
}
