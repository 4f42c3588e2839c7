import type { KubeObject, ManagedFieldsEntry } from '../objects/object.ts';

/** What `kubectl apply` without `--server-side` leaves behind: a second copy of the object. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * An object as the cache keeps it. Managed fields are a third to two thirds of an object: only those of `fieldManager` are kept, as JSON text, because
 * they tell whether an apply would change anything. Nothing else is cut.
 */
export function projectForCache<T extends KubeObject>(object: T, fieldManager?: string): T {
  const { managedFields, annotations, ...metadata } = object.metadata;
  const own = fieldManager === undefined ? [] : ownEntries(managedFields, fieldManager);
  const kept = withoutLastApplied(annotations);
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(kept === undefined ? {} : { annotations: kept }),
      ...(own.length === 0 ? {} : { managedFields: own }),
    },
  };
}

function ownEntries(entries: readonly ManagedFieldsEntry[] | undefined, fieldManager: string): ManagedFieldsEntry[] {
  const own: ManagedFieldsEntry[] = [];
  for (const { manager, operation, subresource, fieldsV1 } of entries ?? []) {
    if (manager !== fieldManager || operation !== 'Apply') continue;
    const text = typeof fieldsV1 === 'string' ? fieldsV1 : JSON.stringify(fieldsV1 ?? {});
    own.push({ manager, operation, ...(subresource === undefined ? {} : { subresource }), fieldsV1: text });
  }
  return own;
}

function withoutLastApplied(annotations: Readonly<Record<string, string>> | undefined) {
  if (annotations === undefined || !Object.hasOwn(annotations, LAST_APPLIED)) return annotations;
  // Also when nothing else is left: whoever decoded the object may count on annotations being there.
  const { [LAST_APPLIED]: _, ...others } = annotations;
  return others;
}
