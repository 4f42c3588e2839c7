import { createHash } from 'node:crypto';
import type { CallOptions, ObjectApi } from '../client/api.ts';
import { ApiError } from '../client/errors.ts';
import type { KubeObject, WritableObject } from '../objects/object.ts';
import { keyOf, type Resource } from '../objects/resource.ts';
import { appliedFields, canonicalText, isApplied, ownable, ownedText } from './owned-fields.ts';

export interface ApplierOptions {
  readonly api: ObjectApi;
  /** One stable name per kind of process (`conventions.md` 8). */
  readonly fieldManager: string;
}

export interface Applied<T> {
  readonly object: T;
  /** False: nothing differed and nothing was sent. */
  readonly written: boolean;
}

/**
 * Objects remembered; the ones longest not applied are forgotten first, which costs one more write that changes nothing. Enough for 5,000 Executors
 * with ten children each, at about 200 bytes.
 */
const MAX_REMEMBERED = 50_000;

/** What was applied last to one object. */
interface Memory {
  readonly uid: string;
  /** Of what was asked for. */
  readonly desired: string;
  /** Of what the server made of it: the values in the fields that we own. */
  readonly owned: string;
  /** The version that it was written over: a cache that still has that one is late. */
  readonly over: string | undefined;
}

/**
 * Server-side apply that leaves out what would change nothing: the live object's managed fields tell which fields are ours, and the values in
 * them are compared. Where the server writes a value in its own way, what it made of the last apply is compared instead.
 */
export class Applier {
  readonly #api: ObjectApi;
  readonly #fieldManager: string;
  readonly #memories = new Map<string, Memory>();

  constructor({ api, fieldManager }: ApplierOptions) {
    this.#api = api;
    this.#fieldManager = fieldManager;
  }

  /**
   * Makes `desired` so. `live` is the object as the cache has it (an `Informer` with our `fieldManager`), or undefined when it is not there: then the
   * server is asked first, and an object that we never applied is `AlreadyExists`, not taken over. That `live` is ours is the caller's to know.
   * Fields that somebody else changed by hand are taken back; an object of the same name that is not `live` is a `Conflict` or `Invalid`.
   */
  async apply<T extends KubeObject>(
    resource: Resource<T>,
    desired: WritableObject,
    live: T | undefined,
    options: CallOptions = {},
  ): Promise<Applied<T>> {
    if ('stringData' in desired) {
      throw new TypeError(
        'apply a Secret with data: stringData is copied over data by the server, and owned by nobody',
      );
    }
    const present = live ?? (await this.#foundOurs(resource, desired, options));
    return this.#applyTo(resource, desired, present, undefined, options);
  }

  /** The same for `status`, of an object that exists. Only `metadata.name`, `metadata.namespace` and `status` of `desired` count. */
  async applyStatus<T extends KubeObject>(
    resource: Resource<T>,
    desired: WritableObject & { readonly status: unknown },
    live: T,
    options: CallOptions = {},
  ): Promise<Applied<T>> {
    const { name, namespace } = live.metadata;
    const metadata = namespace === undefined ? { name } : { name, namespace };
    const { apiVersion = live.apiVersion, kind = live.kind, status } = desired;
    const onlyStatus = { apiVersion, kind, metadata, status };
    return this.#applyTo(resource, onlyStatus, live, 'status', options);
  }

  async #foundOurs<T extends KubeObject>(resource: Resource<T>, desired: WritableObject, options: CallOptions) {
    const { name, namespace } = desired.metadata ?? {};
    if (name === undefined) throw new TypeError('an object that is applied needs metadata.name');
    const found = await this.#api.find(resource, { name, namespace }, options);
    if (found === undefined || appliedFields(found, this.#fieldManager) !== undefined) return found;
    const step = `apply ${resource.kind} ${keyOf({ name, namespace })}`;
    throw new ApiError({
      code: 'AlreadyExists',
      step,
      message: 'an object of this name is there that we did not make',
    });
  }

  async #applyTo<T extends KubeObject>(
    resource: Resource<T>,
    desired: WritableObject,
    live: T | undefined,
    subresource: 'status' | undefined,
    { signal }: CallOptions,
  ): Promise<Applied<T>> {
    const place = `${resource.group}/${resource.plural}/${subresource ?? ''}/${keyOf(named(desired))}`;
    const wanted = digest(canonicalText(ownable(desired)));
    if (live !== undefined && this.#nothingToDo(place, wanted, desired, live, subresource)) {
      return { object: live, written: false };
    }
    const object = await this.#api.apply(resource, preconditioned(desired, live), {
      fieldManager: this.#fieldManager,
      // A new object takes nothing from anybody; what exists is ours.
      force: live !== undefined,
      subresource,
      ...(signal === undefined ? {} : { signal }),
    });
    this.#remember(place, {
      uid: object.metadata.uid,
      desired: wanted,
      owned: this.#ownedDigest(object, subresource) ?? '',
      over: live?.metadata.resourceVersion,
    });
    return { object, written: true };
  }

  #nothingToDo(
    place: string,
    wanted: string,
    desired: WritableObject,
    live: KubeObject,
    subresource?: 'status',
  ): boolean {
    const memory = this.#memories.get(place);
    if (memory?.uid === live.metadata.uid && memory.desired === wanted) {
      if (memory.over === live.metadata.resourceVersion) return true;
      if (memory.owned === this.#ownedDigest(live, subresource)) return true;
    }
    const fields = appliedFields(live, this.#fieldManager, subresource);
    return fields !== undefined && isApplied(fields, ownable(desired), live);
  }

  #ownedDigest(object: KubeObject, subresource: 'status' | undefined): string | undefined {
    const fields = appliedFields(object, this.#fieldManager, subresource);
    return fields === undefined ? undefined : digest(`${canonicalText(fields)}\n${ownedText(fields, object)}`);
  }

  #remember(place: string, memory: Memory): void {
    this.#memories.delete(place);
    this.#memories.set(place, memory);
    if (this.#memories.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#memories.keys();
    if (oldest !== undefined) this.#memories.delete(oldest);
  }
}

function named({ metadata }: WritableObject) {
  if (metadata?.name === undefined) throw new TypeError('an object that is applied needs metadata.name');
  return { name: metadata.name, namespace: metadata.namespace };
}

/** An apply with a uid changes that object or fails: never one of the same name that came after it. */
function preconditioned(desired: WritableObject, live: KubeObject | undefined): WritableObject {
  return live === undefined ? desired : { ...desired, metadata: { ...desired.metadata, uid: live.metadata.uid } };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
