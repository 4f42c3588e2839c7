import {
  type EnvironmentId,
  EXTERNAL_TICKET_SECONDS,
  type Fingerprint,
  type Incarnation,
  type KeyId,
  parseIncarnation,
  type RegistrationId,
  registrationIdOf,
  SIDECAR_TICKET_SECONDS,
} from '../../wire/index.ts';
import type { EnvironmentRecord, ExecutorAuthentication } from '../directory/directory.ts';
import { REFUSALS, type Refusal, refuse } from './answer.ts';
import { isServing } from './connect.ts';
import { credentialRefusal } from './credential.ts';

/**
 * How long a claim stands after its registration although no relay reports it yet: a socket is dialled at once, and `noisefleet join`
 * repeats a refused `register` for 8 s, so a process that died in between delays its successor less than that.
 */
export const CLAIM_GRACE_MS = 5_000;

/** The `External` registration that stands, by presence or by what was issued here. Times in ms since the epoch. */
export interface StandingClaim {
  readonly registrationId: RegistrationId;
  /** Seconds since the epoch, as tickets carry it. */
  readonly firstRegistrationTime: number;
  readonly present: boolean;
  /** When this registry issued it; undefined when it only knows it from presence. */
  readonly issuedAt: number | undefined;
}

export interface RegisterFacts {
  readonly now: number;
  readonly closing: boolean;
  readonly synced: boolean;
  readonly environmentId: EnvironmentId;
  readonly executor: ExecutorAuthentication;
  readonly record: EnvironmentRecord | undefined;
  readonly fingerprint: Fingerprint;
  /** Only for `External`. */
  readonly claim: StandingClaim | undefined;
  /** Whether the executor of the standing claim answered its relay's ping; undefined before it was asked. */
  readonly claimAnswers: boolean | undefined;
  /** First registration of this very key, in seconds, when it stands already (a refresh); undefined for a newcomer. */
  readonly firstRegistrationTime: number | undefined;
}

export interface Admission {
  readonly kind: 'admit';
  readonly registrationId: RegistrationId;
  readonly incarnation: Incarnation;
  readonly keyId: KeyId | undefined;
  readonly runtime: 'sidecar' | 'external';
  /** Seconds since the epoch. */
  readonly firstRegistrationTime: number;
  readonly expiresAt: number;
  /** The claim that this one takes the place of. */
  readonly replaces: RegistrationId | undefined;
}

export type RegisterDecision = Refusal | Admission | { readonly kind: 'ask'; readonly registrationId: RegistrationId };

/** A real executor exits at any refusal, so each one here is the only right answer (`our-side.md` §5, contract §2.2). */
export function decideRegister(facts: RegisterFacts): RegisterDecision {
  const { executor, record, environmentId } = facts;
  if (facts.closing) return REFUSALS.closing();
  if (!facts.synced || executor.outcome === 'unavailable') return REFUSALS.notSynced();
  if (executor.outcome !== 'proven') return credentialRefusal(executor) ?? REFUSALS.tokenInvalid();
  if (executor.environmentId !== environmentId) return REFUSALS.environmentUnknown();
  if (record === undefined) return executor.incarnation === undefined ? REFUSALS.environmentUnknown() : superseded();
  return record.runtime === 'External' ? decideExternal(record, facts) : decidePod(record, executor.incarnation, facts);
}

function decidePod(
  record: EnvironmentRecord,
  incarnation: Incarnation | undefined,
  { fingerprint, now, firstRegistrationTime }: RegisterFacts,
): RegisterDecision {
  const { current, former } = record.fence;
  if (incarnation === undefined) return notAdmittedYet('no_fence');
  if (incarnation !== current) return former.includes(incarnation) ? superseded() : notAdmittedYet('not_the_fence');
  const key = record.keys.find((each) => each.fingerprint === fingerprint);
  if (key === undefined) return notAdmittedYet('fingerprint_not_seen');
  if (!isServing(key)) {
    return refuse(
      403,
      'key_not_current',
      `Key ${key.id} is ${key.state}: it is not handed out any more. Use a newer key.`,
      {
        reason: `key_${key.state.toLowerCase()}`,
      },
    );
  }
  return {
    kind: 'admit',
    registrationId: registrationIdOf(record.id, incarnation, fingerprint),
    incarnation,
    keyId: key.id,
    runtime: 'sidecar',
    firstRegistrationTime: firstRegistrationTime ?? now / 1000,
    expiresAt: Math.floor(now / 1000) + SIDECAR_TICKET_SECONDS,
    replaces: undefined,
  };
}

/** Whoever holds the registration token may register; of two processes the one that answers keeps the place (`our-side.md` §9). */
function decideExternal(record: EnvironmentRecord, facts: RegisterFacts): RegisterDecision {
  const { claim, now, fingerprint } = facts;
  // A process outside has no pod: its key, new at each start, is its incarnation.
  const incarnation = parseIncarnation(fingerprint);
  const registrationId = registrationIdOf(record.id, incarnation, fingerprint);
  const expiresAt = Math.floor(now / 1000) + EXTERNAL_TICKET_SECONDS;
  const admission = {
    kind: 'admit',
    registrationId,
    incarnation,
    keyId: undefined,
    runtime: 'external',
    expiresAt,
  } as const;
  if (claim === undefined || claim.registrationId === registrationId) {
    const firstRegistrationTime = claim?.firstRegistrationTime ?? facts.firstRegistrationTime ?? now / 1000;
    return { ...admission, firstRegistrationTime, replaces: undefined };
  }
  if (claim.present && facts.claimAnswers === undefined) return { kind: 'ask', registrationId: claim.registrationId };
  const justIssued = claim.issuedAt !== undefined && now < claim.issuedAt + CLAIM_GRACE_MS;
  if (facts.claimAnswers === true || (!claim.present && justIssued)) return inUse();
  // Later than the one it replaces, also by a clock that stands still or steps back: the later first registration wins everywhere.
  const firstRegistrationTime = Math.max(now / 1000, claim.firstRegistrationTime + 0.001);
  return { ...admission, firstRegistrationTime, replaces: claim.registrationId };
}

export function superseded(): Refusal {
  return refuse(403, 'superseded', 'Another pod took this executor’s place. This one ends its processes and stops.');
}

function notAdmittedYet(reason: string): Refusal {
  return refuse(
    409,
    'not_admitted_yet',
    'This pod or its key is not admitted yet: the operator records both before it may register. Try again shortly.',
    { reason, retryAfterSeconds: 1 },
  );
}

function inUse(): Refusal {
  return refuse(
    409,
    'environment_in_use',
    'Another process is this environment’s executor and answers. Stop it first, or use a token of another environment.',
    { retryAfterSeconds: 1 },
  );
}
