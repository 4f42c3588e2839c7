import { REASONS, STALLED, type StoredExecutor, type StoredExecutorGrant, type StoredRelay } from '../../api/index.ts';
import { isFingerprint, isIncarnation, isKeyId } from '../../wire/index.ts';
import type { KeyRecord } from '../directory/directory.ts';
import type { ExecutorFacts, GrantFacts, RelayFacts } from './cluster-objects.ts';
import { identityOf } from './service-account-token.ts';

/** What takes an executor out of service. Everything else that is wrong with one leaves what runs running. */
const NOT_SERVED: ReadonlySet<string> = new Set([REASONS.RelayNotAllowed, REASONS.RelayNotFound]);

const GROUP_PREFIX = 'system:serviceaccounts:';

export function executorFacts({ metadata, spec, status }: StoredExecutor): ExecutorFacts {
  const { namespace, name, labels } = metadata;
  const { relayRef, runtime } = spec;
  const uid = status.pod?.uid;
  return {
    namespace,
    name,
    labels,
    relay: { namespace: relayRef.namespace ?? namespace, name: relayRef.name },
    runtime: runtime.type,
    accepted: acceptedOf(status),
    fence: isIncarnation(uid) ? uid : undefined,
    keys: status.keys.flatMap(keyRecord),
    registrationTokens: (status.external?.registrationTokens ?? []).map(({ sha256, expirationTime }) => ({
      sha256,
      expiresAt: timeOf(expirationTime),
    })),
  };
}

export function grantFacts({ metadata, spec }: StoredExecutorGrant): GrantFacts {
  const { namespace, name } = metadata;
  const identities: string[] = [];
  const namespaces: string[] = [];
  for (const subject of spec.subjects) {
    if (subject.kind === 'Group') namespaces.push(subject.name.slice(GROUP_PREFIX.length));
    else identities.push(identityOf({ namespace: subject.namespace ?? namespace, name: subject.name }));
  }
  const selector = spec.executorSelector ?? undefined;
  return { namespace, name, identities, namespaces, selector, expiresAt: timeOf(spec.expirationTime) };
}

export function relayFacts({ spec, status }: StoredRelay): RelayFacts {
  // At least one: nobody is there before the first relay said so.
  return { allowed: spec.allowedNamespaces.from, replicas: Math.max(1, status.readyReplicas ?? spec.replicas) };
}

/** Undefined before the operator looked at it. */
function acceptedOf({ conditions, environmentID }: StoredExecutor['status']): boolean | undefined {
  const stalled = conditions.find(({ type, status }) => type === STALLED && status === 'True');
  if (stalled !== undefined && NOT_SERVED.has(stalled.reason)) return false;
  return environmentID === undefined ? undefined : true;
}

/** A key that is only intended has no fingerprint yet, and nobody can register it. */
function keyRecord({ id, state, fingerprint }: StoredExecutor['status']['keys'][number]): KeyRecord[] {
  if (state === 'Pending' || !isKeyId(id) || !isFingerprint(fingerprint)) return [];
  return [{ id, state, fingerprint }];
}

/** Milliseconds since the epoch; without an end when there is none. */
function timeOf(text: string | undefined): number {
  return text === undefined ? Number.POSITIVE_INFINITY : Date.parse(text);
}
