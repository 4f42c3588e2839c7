/** JSON objects as the server in memory keeps them: never changed in place once stored. */
export type JsonObject = { readonly [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

export function metadataOf(object: JsonObject): JsonObject {
  return asObject(object.metadata);
}

/** A string field of metadata; empty when there is none. */
export function metaText(object: JsonObject, field: string): string {
  const value = metadataOf(object)[field];
  return typeof value === 'string' ? value : '';
}

export function withMeta(object: JsonObject, meta: JsonObject): JsonObject {
  const metadata = Object.entries({ ...metadataOf(object), ...meta }).filter(([, value]) => value !== undefined);
  return { ...object, metadata: Object.fromEntries(metadata) };
}

/** What a client is told that asks for metadata alone (KEP-2334): of an object, or of each of a list. */
export function partialObject(object: JsonObject): JsonObject {
  const { kind, metadata, items } = object;
  const apiVersion = 'meta.k8s.io/v1';
  if (kind === 'Status') return object;
  if (!Array.isArray(items)) return { apiVersion, kind: 'PartialObjectMetadata', metadata };
  const partial = items.map((item) => partialObject(asObject(item)));
  return { apiVersion, kind: 'PartialObjectMetadataList', metadata, items: partial };
}

export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, at) => sameJson(item, b[at]));
  if (!isObject(a) || !isObject(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => sameJson(a[key], b[key]));
}
