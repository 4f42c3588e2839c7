import type {
  EnvironmentId,
  HarnessAuthorization,
  KeyHash,
  KeyId,
  RegistrationId,
  TicketErrorCode,
} from '../../wire/index.ts';
import { registrationIdOf } from '../../wire/index.ts';
import type { EnvironmentRecord, ExecutorAuthentication } from '../directory/directory.ts';
import { REFUSALS, type Refusal, refuse } from './answer.ts';
import { isServing } from './connect.ts';
import { credentialRefusal } from './credential.ts';

export interface ValidateFacts {
  readonly closing: boolean;
  readonly synced: boolean;
  readonly environmentId: EnvironmentId;
  readonly executor: ExecutorAuthentication;
  readonly record: EnvironmentRecord | undefined;
  /** Of the request: the registration that the executor answers for, and the key that the handshake proved. */
  readonly registrationId: RegistrationId;
  readonly harnessKeyHash: KeyHash;
  readonly authorization: { readonly claims: HarnessAuthorization } | { readonly refused: TicketErrorCode };
  readonly alreadyUsed: boolean;
  readonly denied: boolean;
  /** A grant that allows the authorization's identity now: looked up each time. */
  readonly grant: string | undefined;
}

export type ValidateDecision =
  | Refusal
  | { readonly kind: 'invalid'; readonly reason: string }
  | {
      readonly kind: 'valid';
      readonly claims: HarnessAuthorization;
      readonly grant: string;
      readonly keyId: KeyId | undefined;
      /** Our sidecar is also told whose stream this is; a real executor has no use for it. */
      readonly tellsWho: boolean;
    };

/** 401 only for a credential that is proven bad: at a 401 the harness gives up for good (`our-side.md` §5, contract §2.4). */
export function decideValidate(facts: ValidateFacts): ValidateDecision {
  const { executor, record, grant } = facts;
  if (facts.closing || !facts.synced || executor.outcome === 'unavailable') return cannotTell();
  if (executor.outcome !== 'proven') return credentialRefusal(executor) ?? REFUSALS.tokenInvalid();
  if (executor.environmentId !== facts.environmentId) return REFUSALS.environmentUnknown();
  if (record === undefined) return invalid('unknown_environment');
  const owned = ownRegistration(record, executor.incarnation, facts.registrationId);
  if ('reason' in owned) return invalid(owned.reason);
  if (facts.denied) return invalid('registration_denied');
  if ('refused' in facts.authorization) return invalid(facts.authorization.refused);
  const { claims } = facts.authorization;
  const mismatch = mismatchOf(claims, facts);
  if (mismatch !== undefined) return invalid(mismatch);
  if (facts.alreadyUsed) return invalid('authorization_used');
  if (grant === undefined) return invalid('no_grant');
  return { kind: 'valid', claims, grant, keyId: owned.keyId, tellsWho: record.runtime !== 'External' };
}

/** That this authorization was issued for this environment, this registration and this harness key. */
function mismatchOf(claims: HarnessAuthorization, facts: ValidateFacts): string | undefined {
  if (claims.environmentId !== facts.environmentId) return 'authorization_of_another_environment';
  if (claims.registrationId !== facts.registrationId) return 'authorization_of_another_registration';
  if (claims.harnessKeyHash !== facts.harnessKeyHash) return 'authorization_of_another_harness_key';
  return undefined;
}

/** That the executor asks for a registration of its own: of the fence, under a key that is still accepted. */
function ownRegistration(
  record: EnvironmentRecord,
  incarnation: string | undefined,
  registrationId: RegistrationId,
): { readonly keyId: KeyId | undefined } | { readonly reason: string } {
  // An External executor's keys are listed nowhere; that we signed an authorization for the registration is the proof.
  if (record.runtime === 'External') return { keyId: undefined };
  const { current } = record.fence;
  if (current === undefined || incarnation !== current) return { reason: 'executor_not_the_fence' };
  const key = record.keys.find((each) => registrationIdOf(record.id, current, each.fingerprint) === registrationId);
  if (key === undefined) return { reason: 'registration_unknown' };
  return isServing(key) ? { keyId: key.id } : { reason: `key_${key.state.toLowerCase()}` };
}

function invalid(reason: string): ValidateDecision {
  return { kind: 'invalid', reason };
}

function cannotTell(): Refusal {
  return refuse(
    503,
    'cannot_validate',
    'The registry cannot tell at the moment. Reset the stream; the harness tries again.',
    {
      retryAfterSeconds: 1,
    },
  );
}
