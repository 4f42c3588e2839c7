import type { KubeObject, ObjectRef } from './object.ts';

/** One kind of object and where the API server keeps it. */
export interface Resource<T extends KubeObject = KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** The server is asked for `metadata` and for nothing else. */
  readonly metadataOnly?: true;
  /**
   * Reads what the server sent; may throw, which concerns that object only. For built-in kinds the server's word is taken. Get the default
   * by `defineResource`.
   */
  readonly parse: (raw: KubeObject) => T;
}

export interface ResourceDefinition<T extends KubeObject> {
  readonly group?: string;
  readonly version?: string;
  readonly kind: string;
  readonly plural: string;
  /** True by default. */
  readonly namespaced?: boolean;
  readonly parse?: (raw: KubeObject) => T;
}

export function defineResource<T extends KubeObject>(definition: ResourceDefinition<T>): Resource<T> {
  const { group = '', version = 'v1', kind, plural, namespaced = true } = definition;
  // The parser edge: what the API server validated by this kind's schema is taken at its word.
  const parse = definition.parse ?? ((raw: KubeObject) => raw as T);
  return { group, version, kind, plural, namespaced, parse };
}

/** A kind of which only the metadata is of interest: the rest never comes into this process, neither when it is read nor as the answer to a write. */
export function metadataOf({ parse: _, ...resource }: Resource): Resource {
  const { kind } = resource;
  const parse = ({ metadata }: KubeObject) => ({ apiVersion: apiVersionOf(resource), kind, metadata });
  return { ...resource, metadataOnly: true, parse };
}

export function apiVersionOf({ group, version }: Pick<Resource, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`;
}

export interface PathOptions {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
}

/** The URL path of a collection, an object or a subresource. */
export function pathOf(resource: Omit<Resource, 'parse'>, { namespace, name, subresource }: PathOptions): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const parts = [root];
  if (namespace !== undefined && resource.namespaced) parts.push('namespaces', encodeURIComponent(namespace));
  parts.push(resource.plural);
  if (name !== undefined) {
    if (resource.namespaced && namespace === undefined) {
      throw new TypeError(`a ${resource.kind} is in a namespace: name one for "${name}"`);
    }
    parts.push(encodeURIComponent(name));
    if (subresource !== undefined) parts.push(subresource);
  }
  return parts.join('/');
}

/** `namespace/name`, or `name` for cluster-scoped objects: the key of stores and queues. */
export type ObjectKey = string;

export function keyOf({ namespace, name }: ObjectRef): ObjectKey {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

export function refOf(key: ObjectKey): ObjectRef {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
