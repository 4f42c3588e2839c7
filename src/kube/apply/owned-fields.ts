import type { KubeObject, ManagedFieldsEntry, WritableObject } from '../objects/object.ts';

/**
 * The fields that a manager owns (`FieldsV1`, structured-merge-diff `fieldpath/serialize.go`): `f:name` a field, `k:{…}` the item of a list with these
 * keys, `v:…` a member of a set, `.` the thing itself. Without children: owned whole.
 */
export type FieldTree = { readonly [key: string]: FieldTree };

/** The fields that `manager` applied last; undefined when it never applied this object (or its status). */
export function appliedFields(object: KubeObject, manager: string, subresource?: string): FieldTree | undefined {
  const entry = object.metadata.managedFields?.find((each) => isApplyOf(each, manager, subresource));
  if (entry === undefined) return undefined;
  const fields: unknown = typeof entry.fieldsV1 === 'string' ? JSON.parse(entry.fieldsV1) : entry.fieldsV1;
  // Written by the API server, in its own format.
  return typeof fields === 'object' && fields !== null ? (fields as FieldTree) : undefined;
}

function isApplyOf(entry: ManagedFieldsEntry, manager: string, subresource: string | undefined): boolean {
  return entry.manager === manager && entry.operation === 'Apply' && (entry.subresource ?? '') === (subresource ?? '');
}

/** Metadata that names an object or is a precondition: never owned by anybody. */
const UNOWNED_META: ReadonlySet<string> = new Set(['name', 'namespace', 'uid', 'resourceVersion', 'generateName']);

/** What of an object can be owned: all but its name and type. */
export function ownable(object: WritableObject | KubeObject): Readonly<Record<string, unknown>> {
  const { apiVersion: _version, kind: _kind, metadata = {}, ...content } = object;
  const owned = Object.entries(metadata).filter(([key, value]) => !UNOWNED_META.has(key) && value !== undefined);
  return owned.length === 0 ? content : { ...content, metadata: Object.fromEntries(owned) };
}

/**
 * Whether applying `desired` would change nothing: it has exactly the owned fields, and `live` has the same values in them. May err towards
 * "would change", where the server writes a value in another way than it was given (quantities, defaults inside atomic values).
 */
export function isApplied(fields: FieldTree, desired: unknown, live: unknown): boolean {
  return covers(fields, desired) && ownedText(fields, desired) === ownedText(fields, live);
}

/** The values of the owned fields as text, independent of the order of keys, of items with keys, and of sets. */
export function ownedText(fields: FieldTree, value: unknown): string {
  return JSON.stringify(owned(fields, value)) ?? '';
}

/** Every value of `desired` lies in an owned field. */
function covers(fields: FieldTree, desired: unknown): boolean {
  const children = Object.keys(fields).filter((key) => key !== '.');
  if (isEmpty(desired) || children.length === 0) return true;
  if (Array.isArray(desired)) {
    const items = children.map((key) => ({ key, item: itemOf(desired, key) }));
    const covered = new Set(items.map(({ item }) => item));
    return (
      desired.every((item) => covered.has(item)) &&
      items.every(({ key, item }) => item === undefined || covers(fields[key] ?? {}, item))
    );
  }
  if (!isRecord(desired)) return false;
  return Object.entries(desired).every(([name, value]) => {
    const child = fields[`f:${name}`];
    return value === undefined || value === null || (child !== undefined && covers(child, value));
  });
}

function owned(fields: FieldTree, value: unknown): unknown {
  const children = Object.keys(fields).filter((key) => key !== '.');
  if (children.length === 0) return canonical(value);
  const result: Record<string, unknown> = {};
  for (const key of children.sort()) {
    const child = key.startsWith('f:') ? fieldOf(value, key.slice(2)) : itemOf(value, key);
    const text = owned(fields[key] ?? {}, child);
    if (text !== undefined) result[key] = text;
  }
  return Object.keys(result).length === 0 ? undefined : result;
}

function fieldOf(value: unknown, name: string): unknown {
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** The item of a list that `k:{"name":"a"}` or `v:"a"` stands for. */
function itemOf(list: unknown, key: string): unknown {
  if (!Array.isArray(list)) return undefined;
  const wanted: unknown = JSON.parse(key.slice(2));
  if (key.startsWith('v:')) return list.find((item) => canonicalText(item) === canonicalText(wanted));
  if (!key.startsWith('k:') || !isRecord(wanted)) return undefined;
  const keys = Object.entries(wanted);
  // A key that the item leaves out has its default (`protocol: TCP` of a port).
  return list.find((item) => isRecord(item) && keys.every(([name, value]) => (item[name] ?? value) === value));
}

/** Sorted keys; what the server leaves out (`null`, `{}`, `[]`) left out. */
function canonical(value: unknown): unknown {
  if (isEmpty(value)) return undefined;
  if (Array.isArray(value)) return value.map((item) => canonical(item) ?? null);
  if (!isRecord(value)) return value;
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value).sort()) {
    const child = canonical(value[key]);
    if (child !== undefined) result[key] = child;
  }
  return Object.keys(result).length === 0 ? undefined : result;
}

export function canonicalText(value: unknown): string {
  return JSON.stringify(canonical(value)) ?? '';
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    (Array.isArray(value) && value.length === 0) ||
    (isRecord(value) && Object.keys(value).length === 0)
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
