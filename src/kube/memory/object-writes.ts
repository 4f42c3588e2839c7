import { createHash } from 'node:crypto';
import type { Clock } from '../../telemetry/index.ts';
import { secondTime } from '../objects/micro-time.ts';
import { applyConfig, trackUpdate, type Writer } from './fields/managed-fields.ts';
import { asObject, type JsonObject, metadataOf, metaText, sameJson, withMeta } from './json.ts';
import { type Kind, kindsOfDefinition } from './kinds.ts';
import { keyOfObject, type ObjectLog } from './object-log.ts';
import { Refusal } from './refusal.ts';
import { validate, validateApplied } from './validation.ts';

export interface Place {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string | undefined;
}

export interface WriteContext {
  readonly place: Place;
  readonly manager: string;
  readonly dryRun: boolean;
}

/** What writing means: versions, generations, status apart from spec, finalizers, owners, managed fields. */
export class ObjectWrites {
  readonly #log: ObjectLog;
  readonly #clock: Clock;
  readonly #define: (kinds: readonly Kind[]) => void;
  #made = 0;

  constructor(log: ObjectLog, clock: Clock, define: (kinds: readonly Kind[]) => void) {
    this.#log = log;
    this.#clock = clock;
    this.#define = define;
  }

  find({ kind, namespace, name }: Place): JsonObject | undefined {
    return this.#log.get(collectionOf(kind), `${namespace}/${name}`);
  }

  get(place: Place): JsonObject {
    const { kind, name } = place;
    const found = this.find(place);
    const plural = kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
    if (found === undefined) throw new Refusal(404, 'NotFound', `${plural} "${name}" not found`);
    return found;
  }

  create(context: WriteContext, body: JsonObject): JsonObject {
    const { kind, namespace } = context.place;
    const prefix = metaText(body, 'generateName');
    const suffix = createHash('sha256')
      .update(`${prefix}${++this.#made}`)
      .digest('hex')
      .slice(0, 5);
    const name = metaText(body, 'name') || (prefix === '' ? '' : prefix + suffix);
    const place = { ...context.place, name };
    if (this.find(place) !== undefined)
      throw new Refusal(409, 'AlreadyExists', `${kind.plural} "${name}" already exists`);
    const object = this.#born(kind, body, namespace, name);
    const tracked = trackUpdate(undefined, object, writerOf(context, 'Update'), kind.shapeOf, this.#now());
    return this.#store({ ...context, place }, undefined, tracked);
  }

  /** PUT, or the outcome of a patch. */
  replace(context: WriteContext, body: JsonObject): JsonObject {
    const live = this.get(context.place);
    checkPreconditions(live, metadataOf(body));
    const after = this.#allowed(context.place, live, body);
    return this.#store(
      context,
      live,
      trackUpdate(live, after, writerOf(context, 'Update'), context.place.kind.shapeOf, this.#now()),
    );
  }

  apply(context: WriteContext, config: JsonObject, force: boolean): JsonObject {
    const { place } = context;
    const { kind, namespace, name, subresource } = place;
    const live = this.find(place);
    const { uid, resourceVersion } = metadataOf(config);
    if (live !== undefined) checkPreconditions(live, { uid, resourceVersion });
    else if (subresource !== undefined) this.get(place);
    else if (uid !== undefined)
      throw new Refusal(
        409,
        'Conflict',
        `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
      );
    if (metadataOf(config).managedFields !== undefined) {
      throw new Refusal(400, 'BadRequest', 'metadata.managedFields must be nil');
    }
    validateApplied(kind, config);
    const applied = applyConfig({
      live,
      config: this.#writable(place, config),
      writer: writerOf(context, 'Apply'),
      force,
      shapeOf: kind.shapeOf,
      now: this.#now(),
    });
    return this.#store(context, live, live === undefined ? this.#born(kind, applied, namespace, name) : applied);
  }

  delete(context: WriteContext, preconditions: JsonObject, orphan: boolean): JsonObject {
    const live = this.get(context.place);
    checkPreconditions(live, preconditions);
    if (context.dryRun) return live;
    const finalizers = metadataOf(live).finalizers;
    if (Array.isArray(finalizers) && finalizers.length > 0) {
      if (metaText(live, 'deletionTimestamp') !== '') return live;
      return this.#log.put(
        collectionOf(context.place.kind),
        withMeta(live, { deletionTimestamp: this.#now(), deletionGracePeriodSeconds: 0 }),
      );
    }
    return this.#remove(context.place.kind, live, orphan);
  }

  #remove(kind: Pick<Kind, 'group' | 'plural'>, object: JsonObject, orphan = false): JsonObject {
    const last = this.#log.remove(collectionOf(kind), object);
    if (!orphan) this.#collectGarbage(metaText(object, 'uid'));
    return last;
  }

  /** The garbage collector: what has no owner left goes with the last one. */
  #collectGarbage(uid: string): void {
    for (const { collection, object } of this.#log.all()) {
      const owners = metadataOf(object).ownerReferences;
      if (!Array.isArray(owners) || !owners.some((owner) => asObject(owner).uid === uid)) continue;
      if (owners.some((owner) => asObject(owner).uid !== uid)) continue;
      const [group = '', plural = ''] = collection.split('/');
      const finalizers = metadataOf(object).finalizers;
      if (Array.isArray(finalizers) && finalizers.length > 0) {
        this.#log.put(collection, withMeta(object, { deletionTimestamp: this.#now() }));
      } else this.#remove({ group, plural }, object);
    }
  }

  #store({ place: { kind }, dryRun }: WriteContext, live: JsonObject | undefined, object: JsonObject): JsonObject {
    validate(kind, object, live);
    if (live !== undefined && sameJson(live, object)) return live;
    const isNewSpec = live !== undefined && !sameJson(specOf(live), specOf(object));
    const generation = Number(metadataOf(object).generation ?? 1) + (isNewSpec ? 1 : 0);
    const finished = kind.hasStatus ? withMeta(object, { generation }) : object;
    if (dryRun) return finished;
    const finalizers = metadataOf(finished).finalizers;
    const isDying = metaText(finished, 'deletionTimestamp') !== '';
    if (isDying && !(Array.isArray(finalizers) && finalizers.length > 0)) return this.#remove(kind, finished);
    const stored = this.#log.put(collectionOf(kind), finished);
    if (kind.kind === 'CustomResourceDefinition') this.#define(kindsOfDefinition(stored));
    return stored;
  }

  /** A new object: the server's own metadata, and no status where status has its subresource. */
  #born(
    { group, version, kind, namespaced, hasStatus }: Kind,
    body: JsonObject,
    namespace: string,
    name: string,
  ): JsonObject {
    const { status, ...content } = body;
    const apiVersion = group === '' ? version : `${group}/${version}`;
    return withMeta(
      { ...content, ...(hasStatus || status === undefined ? {} : { status }), apiVersion, kind },
      {
        name,
        namespace: namespaced ? namespace : undefined,
        uid: uidOf(++this.#made),
        creationTimestamp: this.#now(),
        resourceVersion: undefined,
        deletionTimestamp: undefined,
        generation: hasStatus ? 1 : undefined,
      },
    );
  }

  /** What a write to this place may touch, the rest as it is. */
  #allowed({ kind, subresource }: Place, live: JsonObject, body: JsonObject): JsonObject {
    if (subresource === 'status') return { ...live, status: body.status };
    const { uid, creationTimestamp, generation, deletionTimestamp, namespace, name, managedFields } = metadataOf(live);
    const meta = {
      uid,
      creationTimestamp,
      generation,
      deletionTimestamp,
      namespace,
      name,
      managedFields,
      resourceVersion: metadataOf(live).resourceVersion,
    };
    const { status, ...content } = body;
    const kept = kind.hasStatus ? live.status : status;
    return withMeta({ ...content, ...(kept === undefined ? {} : { status: kept }) }, meta);
  }

  #writable({ kind, subresource }: Place, config: JsonObject): JsonObject {
    const { apiVersion, kind: kindName, metadata, status, ...content } = config;
    if (subresource === 'status') return { apiVersion, kind: kindName, metadata: {}, status };
    return kind.hasStatus ? { apiVersion, kind: kindName, metadata, ...content } : config;
  }

  #now(): string {
    return secondTime(this.#clock.now());
  }
}

export function collectionOf({ group, plural }: Pick<Kind, 'group' | 'plural'>): string {
  return `${group}/${plural}`;
}

function writerOf({ manager, place: { subresource } }: WriteContext, operation: 'Apply' | 'Update'): Writer {
  return { manager, operation, subresource };
}

function checkPreconditions(live: JsonObject, { uid, resourceVersion }: JsonObject): void {
  const about = `Operation cannot be fulfilled on "${keyOfObject(live)}"`;
  if (uid !== undefined && uid !== '' && uid !== metadataOf(live).uid) {
    throw new Refusal(409, 'Conflict', `${about}: Precondition failed: UID in precondition: ${uid}`);
  }
  if (resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== metadataOf(live).resourceVersion) {
    throw new Refusal(
      409,
      'Conflict',
      `${about}: the object has been modified; please apply your changes to the latest version and try again`,
    );
  }
}

/** Everything but metadata and status. */
function specOf({ metadata: _metadata, status: _status, ...spec }: JsonObject): JsonObject {
  return spec;
}

function uidOf(count: number): string {
  const hex = createHash('sha256').update(`object ${count}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
