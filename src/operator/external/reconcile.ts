import { createHash, randomBytes } from 'node:crypto';
import { type Executor, type ExecutorStatus, REASONS, toMilliseconds } from '../../api/index.ts';
import { type Occurrence, type Secret, secrets } from '../../kube/index.ts';
import { currentChild } from '../children/apply-child.ts';
import { childMetadata, type Owner } from '../children/child.ts';
import { createOrUpdate } from '../children/generated-secret.ts';
import { executorNames } from '../executor-pod/names.ts';
import type { Stall } from '../namespaces/decide.ts';
import type { ServedExecutor } from '../own-kinds.ts';
import type { ExecutorFacts } from '../registries/facts.ts';
import type { World } from '../world.ts';
import { decideHost, type HostPresence, wasPresent } from './host.ts';
import { nextTokens, tokenIn } from './tokens.ts';

/** The key of the Secret. */
const TOKEN = 'token';

/** A Secret that a user brought is not watched, for it need not be readable but by name: it is read again so often. Milliseconds. */
const TOKEN_LOOK_MS = 30_000;

/** Random bytes of a token that we make. */
const TOKEN_BYTES = 32;

export interface ExternalResult {
  readonly status: NonNullable<ExecutorStatus['external']>;
  readonly presence: HostPresence;
  readonly stall: Stall | undefined;
  readonly event: Occurrence | undefined;
  readonly nextTime: number | undefined;
}

/** What registries say of this executor, and since when they are heard. */
export interface HeardFacts {
  readonly facts: ExecutorFacts;
  readonly changedAt: number;
}

/** The registration token of an `External` executor, and which host has joined with it (`our-side.md` §9). */
export async function reconcileExternal(
  world: World,
  executor: ServedExecutor,
  owner: Owner,
  { facts, changedAt }: HeardFacts,
  signal: AbortSignal,
): Promise<ExternalResult> {
  const now = world.clock.now();
  const { fingerprint, registrationTime, registrationTokens: before = [] } = executor.status.external ?? {};
  const shown = {
    ...(fingerprint !== undefined && { fingerprint }),
    ...(registrationTime !== undefined && { registrationTime }),
  };
  const was = wasPresent(executor.status.conditions);
  const { presence, host, event, nextTime } = decideHost({ before: shown, wasPresent: was, facts, changedAt, now });
  const secret = await registrationToken(world, executor, owner, signal);
  const common = { presence, event };
  if ('stall' in secret) {
    const status = { ...host, registrationTokenSecretName: secret.name, registrationTokens: before };
    return { ...common, status, stall: secret.stall, nextTime: now + TOKEN_LOOK_MS };
  }
  const sha256 = createHash('sha256').update(secret.token, 'utf8').digest('hex');
  const overlapMs = toMilliseconds(executor.spec.keys.rotation.overlap);
  const { tokens, nextTime: tokenEnds } = nextTokens(before, sha256, { overlapMs, now });
  if (before.length > 0 && before[0]?.sha256 !== sha256) {
    world.log.info(
      { executor: `${owner.namespace}/${owner.name}`, tokens: tokens.length },
      'registration token changed',
    );
  }
  // Registries take what is listed here: nothing while it is suspended.
  const registrationTokens = executor.spec.operatingMode === 'Suspended' ? [] : tokens;
  const status = { ...host, registrationTokenSecretName: secret.name, registrationTokens };
  const times = [nextTime, tokenEnds, secret.isOurs ? undefined : now + TOKEN_LOOK_MS].filter((at) => at !== undefined);
  return { ...common, status, stall: undefined, nextTime: times.length === 0 ? undefined : Math.min(...times) };
}

type FoundToken =
  | { readonly name: string; readonly token: string; readonly isOurs: boolean }
  | { readonly name: string; readonly stall: Stall };

async function registrationToken(
  world: World,
  { spec }: ServedExecutor,
  owner: Owner,
  signal: AbortSignal,
): Promise<FoundToken> {
  const name = referenceOf(spec);
  return name === undefined ? ourToken(world, owner, signal) : usersToken(world, owner.namespace, name, signal);
}

function referenceOf({ runtime }: Executor['spec']): string | undefined {
  return runtime.type === 'External' ? runtime.external.registrationTokenSecretRef?.name : undefined;
}

/** Made where it is missing or cannot be used: deleting it is how a generated token is changed. */
async function ourToken(world: World, owner: Owner, signal: AbortSignal): Promise<FoundToken> {
  const name = executorNames(owner).registration;
  const kind = { resource: secrets, store: world.stores.secrets };
  const secret = await currentChild(world, kind, { namespace: owner.namespace, name }, owner, signal);
  const there = tokenOf(secret);
  if (there !== undefined) return { name, token: there, isOurs: true };
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const metadata = childMetadata(owner, 'executor', name);
  await createOrUpdate(world.api, metadata, { [TOKEN]: token }, secret, signal);
  return { name, token, isOurs: true };
}

/** The one Secret that the user named, and no other. */
async function usersToken({ api }: World, namespace: string, name: string, signal: AbortSignal): Promise<FoundToken> {
  const field = 'spec.runtime.external.registrationTokenSecretRef';
  const secret = await api.find(secrets, { namespace, name }, { signal });
  const kept = 'Until then the token before stays in force.';
  if (secret === undefined) {
    const message = `${field}: there is no Secret ${namespace}/${name}. Create it with a key ${TOKEN}. ${kept}`;
    return { name, stall: { reason: REASONS.SecretNotFound, message } };
  }
  const token = tokenOf(secret);
  if (token !== undefined) return { name, token, isOurs: false };
  const message = `${field}: the key ${TOKEN} of Secret ${namespace}/${name} needs 32 to 1024 characters of ASCII without spaces. ${kept}`;
  return { name, stall: { reason: REASONS.SecretInvalid, message } };
}

function tokenOf(secret: Secret | undefined): string | undefined {
  return tokenIn(secret?.data?.[TOKEN]);
}
