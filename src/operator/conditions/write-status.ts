import { isDeepStrictEqual } from 'node:util';
import { FIELD_MANAGER, OVERLAP_FULL, READY, REASONS, ROTATION_FAILED, STALLED } from '../../api/index.ts';
import type { KubeObject, Occurrence, Resource } from '../../kube/index.ts';
import type { World } from '../world.ts';
import { type Condition, type Finding, nextConditions } from './conditions.ts';

interface WithStatus extends KubeObject {
  readonly status: { readonly observedGeneration?: number | undefined; readonly conditions: readonly Condition[] };
}

/**
 * Writes the status when it differs from the one that was read, with the version that was read as precondition: what was decided from an
 * older status is decided again. Throws `ApiError` `Conflict` then.
 */
export async function writeStatus<T extends WithStatus>(
  { api, clock, events }: Pick<World, 'api' | 'clock' | 'events'>,
  resource: Resource<T>,
  object: T,
  change: {
    readonly status: Omit<T['status'], 'conditions' | 'observedGeneration'>;
    readonly findings: readonly Finding[];
  },
  signal: AbortSignal,
): Promise<void> {
  const { name, namespace, generation, resourceVersion } = object.metadata;
  const conditions = nextConditions({
    before: object.status.conditions,
    findings: change.findings,
    generation,
    now: clock.now(),
  });
  const status = withoutUndefined({ ...change.status, observedGeneration: generation, conditions });
  if (isDeepStrictEqual(unordered(status), unordered(withoutUndefined(object.status)))) return;
  await api.apply(
    resource,
    {
      apiVersion: object.apiVersion,
      kind: object.kind,
      metadata: { name, ...(namespace !== undefined && { namespace }), resourceVersion },
      ...{ status },
    },
    { fieldManager: FIELD_MANAGER, force: true, subresource: 'status', signal },
  );
  // After the write: of two processes that see the same change only the one whose write counts tells it.
  for (const occurrence of transitions(object.status.conditions, conditions)) events.record(object, occurrence);
}

/** What is wrong with keys: people hear of it when it begins, and by the condition when it is over. */
const TOLD: ReadonlySet<string> = new Set([ROTATION_FAILED, OVERLAP_FULL]);

/** What people want to hear of: ready, no longer ready, waiting for them. Being on the way is no event. */
function transitions(before: readonly Condition[], after: readonly Condition[]): Occurrence[] {
  return after.flatMap(({ type, status, reason, message }): Occurrence[] => {
    const last = before.find((each) => each.type === type);
    if (last?.status === status && last.reason === reason) return [];
    if (type === READY && status === 'True') return [{ type: 'Normal', reason, action: 'Reconcile', note: message }];
    if (TOLD.has(type) && status === 'True') return [{ type: 'Warning', reason, action: 'RotateKey', note: message }];
    if (type === STALLED && status === 'True') return [{ type: 'Warning', reason, action: 'Reconcile', note: message }];
    if (type === READY && status === 'False' && reason !== REASONS.Stalled) {
      const kind = reason === REASONS.Suspended ? 'Normal' : 'Warning';
      return [{ type: kind, reason, action: 'Reconcile', note: message }];
    }
    return [];
  });
}

/** JSON has no undefined: a member without a value is no member. */
function withoutUndefined(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** Lists with keys (conditions, Noise keys, addresses) have no order of their own: the server keeps the one that it came to. */
function unordered(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(unordered).toSorted((a, b) => identityOf(a).localeCompare(identityOf(b)));
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([member, each]) => [member, unordered(each)]));
}

function identityOf(item: unknown): string {
  if (typeof item !== 'object' || item === null) return String(item);
  const { type, id, name }: { type?: unknown; id?: unknown; name?: unknown } = item;
  return String(type ?? id ?? name ?? '');
}
