import {
  decodePublicKey,
  type EnvironmentId,
  EXTERNAL_TICKET_SECONDS,
  type Fingerprint,
  fingerprintOf,
  parseBody,
  parseIncarnation,
  type RegisterResponse,
  type RegistrationId,
  registerRequest,
  registrationIdOf,
  SECURITY_PROFILE,
} from '../../wire/index.ts';
import { type RegistryContext, usableRoutes } from '../context.ts';
import type { ExecutorAuthentication } from '../directory/directory.ts';
import { REFUSALS, type Refusal } from './answer.ts';
import type { Answer, Call } from './call.ts';
import { credentialRefusal } from './credential.ts';
import { type Admission, decideRegister, type RegisterDecision, type RegisterFacts } from './register.ts';
import { changeOrTime } from './wait.ts';

/**
 * How long a `register` waits for what decides it. A real executor exits at a 5xx and gives up at 10 s, so waiting is the only help
 * (`our-side.md` §5); the 3 s for the answer of a standing claim come on top.
 */
const MAX_WAIT_MS = 6_500;
/** A deny of a replaced claim outlives every ticket that was issued for it. */
export const CLAIM_DENY_SECONDS = EXTERNAL_TICKET_SECONDS + 3_600;

/** `POST …/register`: an executor makes one key known (contract §2.2). */
export async function registerCall(call: Call, context: RegistryContext): Promise<Answer> {
  const { environmentId, bearer } = call;
  const { directory, hub, limits, clock } = context;
  if (environmentId === undefined) return refused(REFUSALS.environmentUnknown(), call, context);
  if (bearer === undefined) return refused(REFUSALS.tokenInvalid('no_bearer'), call, context);
  await waitFor(() => directory.synced(), call, context);
  const executor = await directory.authenticateExecutor(bearer, environmentId);
  const bad = credentialRefusal(executor);
  if (bad !== undefined) return refused(bad, call, context);
  const known = executor.outcome === 'proven' ? executor.environmentId : undefined;
  const waitMs = known && limits.register.take(known, clock.now());
  if (waitMs !== undefined) {
    return refused(REFUSALS.rateLimited('registrations_per_second', waitMs / 1000), call, context);
  }
  const request = parseBody(registerRequest, await call.body(), 'register request');
  const publicKey = decodePublicKey(request.executor_public_key);
  const fingerprint = fingerprintOf(publicKey);
  // Before the relays have reported, a process that is alive looks like one that is gone, and a newcomer would take its place.
  const external = known !== undefined && directory.environment(known)?.runtime === 'External';
  if (external) await waitFor(() => hub.settled, call, context);
  const decision = await decide({ call, environmentId, executor, fingerprint, context });
  if (decision.kind === 'refuse') return refused(decision, call, context, fingerprint);
  take(environmentId, decision, context);
  const body = await responseOf(call, environmentId, decision, publicKey, context);
  // A real executor exits when it sees its own bearer anywhere in the answer (contract §2.2).
  if (JSON.stringify(body).includes(bearer)) {
    return refused(REFUSALS.tokenInvalid('bearer_inside_the_response'), call, context, fingerprint);
  }
  logRegistered(environmentId, decision, fingerprint, context);
  return { kind: 'ok', body };
}

async function responseOf(
  call: Call,
  environmentId: EnvironmentId,
  admission: Admission,
  publicKey: ReturnType<typeof decodePublicKey>,
  { signer, clock, relayUrlFor }: RegistryContext,
): Promise<RegisterResponse> {
  const { kind: _, replaces: __, keyId, ...claims } = admission;
  const ticket = await signer.signExecutorTicket(
    { ...claims, environmentId, publicKey, ...(keyId !== undefined && { keyId }) },
    clock.now() / 1000,
  );
  return {
    environment_id: environmentId,
    url: `${relayUrlFor(call.host)}/v1/executor?role=environment&ticket=${ticket}`,
    security_profile: SECURITY_PROFILE,
    executor_registration_id: admission.registrationId,
    ticket_expiration_time: admission.expiresAt,
  };
}

/** Waits for a condition that changes of the environment may bring about, for as long as a real executor waits. */
async function waitFor(condition: () => boolean, call: Call, context: RegistryContext): Promise<void> {
  const { clock, isClosing } = context;
  const until = call.arrivedAt + MAX_WAIT_MS;
  while (!condition() && !isClosing() && !call.gone.aborted && clock.now() < until) {
    await changeOrTime(call, until, context);
  }
}

interface Question {
  readonly call: Call;
  readonly environmentId: EnvironmentId;
  readonly executor: ExecutorAuthentication;
  readonly fingerprint: Fingerprint;
  readonly context: RegistryContext;
}

async function decide(question: Question): Promise<Exclude<RegisterDecision, { kind: 'ask' }>> {
  // What a claim answered counts for that claim only: another one may stand when the answer is here.
  const answered = new Map<RegistrationId, boolean>();
  for (;;) {
    const facts = factsOf(question);
    const claimAnswers = facts.claim && answered.get(facts.claim.registrationId);
    const decision = decideRegister({ ...facts, claimAnswers });
    if (decision.kind !== 'ask') return decision;
    const { registrationId } = decision;
    answered.set(registrationId, await question.context.hub.answers(question.environmentId, registrationId));
  }
}

function factsOf({ environmentId, executor, fingerprint, context }: Question): RegisterFacts {
  const { clock, directory, claims, isClosing } = context;
  const record = directory.environment(environmentId);
  const external = record?.runtime === 'External';
  const routes = usableRoutes(context, environmentId);
  const life = external ? parseIncarnation(fingerprint) : record?.fence.current;
  const registrationId = life && registrationIdOf(environmentId, life, fingerprint);
  const refreshed = routes.find(({ ticket }) => ticket.registrationId === registrationId)?.ticket;
  return {
    now: clock.now(),
    closing: isClosing(),
    synced: directory.synced(),
    environmentId,
    executor,
    record,
    fingerprint,
    claim: external ? claims.standing(environmentId, routes) : undefined,
    claimAnswers: undefined,
    firstRegistrationTime: refreshed?.firstRegistrationTime,
  };
}

/** Takes the place of the claim before, if there is one. Nothing is awaited here: two newcomers cannot both pass. */
function take(environmentId: EnvironmentId, admission: Admission, { claims, denies, clock }: RegistryContext): void {
  if (admission.runtime !== 'external') return;
  const { registrationId, replaces } = admission;
  claims.issued({ environmentId, ...admission }, clock.now());
  // It may have lost the place once, and come back when its successor was gone.
  denies.lift({ environmentId, match: { registrationId }, reason: 'superseded' });
  if (replaces === undefined) return;
  denies.deny({ environmentId, match: { registrationId: replaces }, reason: 'superseded' }, CLAIM_DENY_SECONDS);
}

function logRegistered(
  environment: EnvironmentId,
  { registrationId: registration, keyId: key, replaces }: Admission,
  fingerprint: Fingerprint,
  { access }: RegistryContext,
): void {
  access.registered({ environment, registration, key, fingerprint });
  if (replaces !== undefined) access.executorChanged({ environment, registration, fingerprint });
}

function refused(refusal: Refusal, call: Call, { access }: RegistryContext, fingerprint?: Fingerprint): Refusal {
  access.registerRefused({
    ...(call.environmentId !== undefined && { environment: call.environmentId }),
    ...(fingerprint !== undefined && { fingerprint }),
    status: refusal.status,
    reason: refusal.reason,
  });
  return refusal;
}
