import { randomInt } from 'node:crypto';
import { type Clock, pause } from '../../telemetry/index.ts';
import type { KubeObject, ObjectRef, WritableObject } from '../objects/object.ts';
import { apiVersionOf, keyOf, metadataOf, type PathOptions, pathOf, type Resource } from '../objects/resource.ts';
import { errorOfStatus, parseJson } from './answer.ts';
import type {
  ApplyOptions,
  CallOptions,
  DeleteOptions,
  ListPage,
  ObjectApi,
  PatchType,
  ReadOptions,
  Selection,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './api.ts';
import type { ClientMetrics } from './client-metrics.ts';
import { ApiError, isApiError } from './errors.ts';
import { readPages } from './pages.ts';
import { parseRetryAfter, pauseBeforeRepeat } from './retry.ts';
import type { ApiRequest, ApiResponse, Transport } from './transport.ts';
import { readWatch } from './watch.ts';

const PATCH_CONTENT_TYPE: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
};
/** JSON is YAML, and the API server takes an applied object under this name only. */
const APPLY_CONTENT_TYPE = 'application/apply-patch+yaml';
const JSON_CONTENT_TYPE = 'application/json';
/** Metadata of an object, of each of a list, and of each that a watch tells (KEP-2334). */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const METADATA_LIST_ONLY = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

export interface RestApiOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly metrics?: ClientMetrics | undefined;
  /** Uniform in [0, 1): stretches pauses. */
  readonly random?: () => number;
}

/** The object API over HTTP. */
export class RestApi implements ObjectApi {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #metrics: ClientMetrics | undefined;
  readonly #random: () => number;

  constructor({ transport, clock, metrics, random = uniform }: RestApiOptions) {
    this.#transport = transport;
    this.#clock = clock;
    this.#metrics = metrics;
    this.#random = random;
  }

  async get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options: CallOptions = {}): Promise<T> {
    const step = `get ${resource.kind} ${keyOf(ref)}`;
    return this.#object(resource, { method: 'GET', path: pathOf(resource, ref), step, signal: options.signal });
  }

  async findBytes(resource: Resource, ref: ObjectRef, { signal }: CallOptions = {}) {
    const step = `get ${resource.kind} ${keyOf(ref)}`;
    try {
      return await bodyBytes(await this.#accepted({ method: 'GET', path: pathOf(resource, ref), step, signal }));
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async find<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options: CallOptions = {}) {
    try {
      return await this.get(resource, ref, options);
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  list<T extends KubeObject>(resource: Resource<T>, options: Selection & CallOptions = {}): Promise<ListPage<T>> {
    const step = `list ${resource.kind}${options.namespace === undefined ? '' : ` in ${options.namespace}`}`;
    const { signal } = options;
    return readPages(
      (page) => {
        const query = { ...selectionQuery(options), ...page };
        return this.#json({
          method: 'GET',
          path: withQuery(pathOf(resource, { namespace: options.namespace }), query),
          step,
          accept: resource.metadataOnly && METADATA_LIST_ONLY,
          signal,
        });
      },
      resource,
      step,
    );
  }

  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>> {
    const step = `watch ${resource.kind}${options.namespace === undefined ? '' : ` in ${options.namespace}`}`;
    const path = (query: Query) =>
      withQuery(pathOf(resource, { namespace: options.namespace }), { ...selectionQuery(options), ...query });
    const open = (request: Pick<ApiRequest, 'path' | 'signal'>) =>
      this.#accepted({ method: 'GET', step, longLived: true, accept: acceptOf(resource), ...request });
    return readWatch({ open, path, resource, options, step, clock: this.#clock, random: this.#random });
  }

  create<T extends KubeObject>(resource: Resource<T>, object: WritableObject, options: WriteOptions = {}): Promise<T> {
    const { namespace, name } = object.metadata ?? {};
    // A subresource is created on a named object; an object itself is created in its collection.
    const place = options.subresource === undefined ? { namespace } : { namespace, name };
    return this.#write(resource, {
      method: 'POST',
      verb: 'create',
      place,
      name,
      body: typed(resource, object),
      options,
    });
  }

  async createBytes(resource: Resource, ref: ObjectRef, bytes: Uint8Array, options: WriteOptions = {}): Promise<void> {
    const { namespace, name } = ref;
    await this.#write(metadataOf(resource), {
      method: 'POST',
      verb: 'create',
      place: { namespace },
      name,
      body: bytes,
      options,
    });
  }

  update<T extends KubeObject>(resource: Resource<T>, object: WritableObject, options: WriteOptions = {}): Promise<T> {
    const place = named(object);
    return this.#write(resource, { method: 'PUT', verb: 'update', place, body: typed(resource, object), options });
  }

  patch<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    patch: { readonly type: PatchType; readonly body: unknown },
    options: WriteOptions = {},
  ): Promise<T> {
    const contentType = PATCH_CONTENT_TYPE[patch.type];
    return this.#write(resource, {
      method: 'PATCH',
      verb: 'patch',
      place: ref,
      body: patch.body,
      contentType,
      options,
    });
  }

  apply<T extends KubeObject>(resource: Resource<T>, object: WritableObject, options: ApplyOptions): Promise<T> {
    const place = named(object);
    const query = { force: options.force === true ? 'true' : 'false' };
    const body = typed(resource, object);
    return this.#write(resource, {
      method: 'PATCH',
      verb: 'apply',
      place,
      body,
      contentType: APPLY_CONTENT_TYPE,
      query,
      options,
    });
  }

  async delete(resource: Resource, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    const { uid, resourceVersion, propagation, gracePeriodSeconds, signal } = options;
    const preconditions = {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: propagation ?? 'Background',
      ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    };
    const step = `delete ${resource.kind} ${keyOf(ref)}`;
    const path = pathOf(resource, ref);
    await this.#json({
      method: 'DELETE',
      path,
      step,
      signal,
      contentType: JSON_CONTENT_TYPE,
      body: JSON.stringify(body),
    });
  }

  read(path: string, { signal, accept }: ReadOptions = {}): Promise<unknown> {
    return this.#json({ method: 'GET', path, step: `read ${path}`, accept, signal });
  }

  post(path: string, body: unknown, { signal }: CallOptions = {}): Promise<unknown> {
    const text = JSON.stringify(body);
    return this.#json({
      method: 'POST',
      path,
      step: `post ${path}`,
      contentType: JSON_CONTENT_TYPE,
      body: text,
      signal,
    });
  }

  #write<T extends KubeObject>(resource: Resource<T>, write: Write): Promise<T> {
    const { method, verb, place, body, contentType = JSON_CONTENT_TYPE, query = {}, options } = write;
    const { subresource, fieldManager, dryRun = false, signal } = options;
    const name = place.name ?? write.name;
    const what = name === undefined ? '' : ` ${keyOf({ ...place, name })}`;
    const path = withQuery(pathOf(resource, { ...place, subresource }), {
      ...query,
      fieldManager,
      dryRun: dryRun ? 'All' : undefined,
      // Typing mistakes in what we send are errors, not silently dropped fields. Apply is strict by itself.
      fieldValidation: verb === 'apply' ? undefined : 'Strict',
    });
    const step = `${verb} ${resource.kind}${what}${subresource === undefined ? '' : `/${subresource}`}`;
    const bytes = body instanceof Uint8Array ? body : JSON.stringify(body);
    return this.#object(resource, { method, path, step, contentType, body: bytes, signal });
  }

  async #object<T extends KubeObject>(resource: Resource<T>, request: ApiRequest): Promise<T> {
    const raw = await this.#json({ accept: acceptOf(resource), ...request });
    try {
      return resource.parse(raw as KubeObject);
    } catch (cause) {
      throw new ApiError({
        code: 'BadAnswer',
        step: request.step,
        message: `the ${resource.kind} could not be read`,
        cause,
      });
    }
  }

  async #json(request: ApiRequest): Promise<object> {
    const response = await this.#accepted(request);
    return parseJson(await bodyText(response), request.step);
  }

  /** Sends until the server accepts, or until its refusal is the caller's business. */
  async #accepted(request: ApiRequest): Promise<ApiResponse> {
    for (let repeats = 0; ; repeats++) {
      const startedAt = this.#clock.now();
      const response = await this.#send(request);
      this.#metrics?.answered(request.method, response.status, this.#clock.now() - startedAt);
      if (response.status < 300) return response;
      const retryAfterMs = parseRetryAfter(response.headers['retry-after'], this.#clock.now());
      const text = await bodyText(response);
      const readOnly = request.method === 'GET';
      const pauseMs = pauseBeforeRepeat({ status: response.status, retryAfterMs, readOnly, repeats }, this.#random);
      if (pauseMs === undefined) throw refusalOf(text, response.status, request.step, retryAfterMs);
      await pause(pauseMs, this.#clock, request.signal);
    }
  }

  async #send(request: ApiRequest): Promise<ApiResponse> {
    request.signal?.throwIfAborted();
    try {
      return await this.#transport.send(request);
    } catch (error) {
      if (error instanceof ApiError) this.#metrics?.answered(request.method, 0, undefined);
      throw error;
    }
  }
}

interface Write {
  readonly method: 'POST' | 'PUT' | 'PATCH';
  readonly verb: 'create' | 'update' | 'patch' | 'apply';
  readonly place: PathOptions;
  /** Of the object in error messages, where the path does not have it. */
  readonly name?: string | undefined;
  readonly body: unknown;
  readonly contentType?: string;
  readonly query?: Query;
  readonly options: WriteOptions;
}

type Query = Readonly<Record<string, string | undefined>>;

function withQuery(path: string, query: Query): string {
  const set = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return set.length === 0 ? path : `${path}?${new URLSearchParams(set)}`;
}

function selectionQuery({ labelSelector, fieldSelector }: Selection): Query {
  return { labelSelector: labelSelector || undefined, fieldSelector: fieldSelector || undefined };
}

function named({ metadata }: WritableObject): PathOptions {
  if (metadata?.name === undefined) throw new TypeError('an object that is written by name needs metadata.name');
  return { namespace: metadata.namespace, name: metadata.name };
}

function typed(resource: Resource, object: WritableObject): WritableObject {
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
}

function acceptOf({ metadataOnly }: Pick<Resource, 'metadataOnly'>): string | undefined {
  return metadataOnly && METADATA_ONLY;
}

async function bodyText({ body }: ApiResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** The only copy of them that this process knows of. */
async function bodyBytes({ body }: ApiResponse): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  for (const chunk of chunks) chunk.fill(0);
  return bytes;
}

/** The server's `Status`; what stands before it (a proxy, a load balancer) answers in other formats. */
function refusalOf(text: string, status: number, step: string, retryAfterMs: number | undefined): ApiError {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  return errorOfStatus(body, status, step, retryAfterMs);
}

function uniform(): number {
  return randomInt(2 ** 32) / 2 ** 32;
}
