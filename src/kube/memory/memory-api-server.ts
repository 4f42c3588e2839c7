import type { Clock } from '../../telemetry/index.ts';
import type { ObjectApi } from '../client/api.ts';
import type { ApiError } from '../client/errors.ts';
import { RestApi } from '../client/rest-api.ts';
import type { ApiRequest, ApiResponse, Transport } from '../client/transport.ts';
import type { KubeObject } from '../objects/object.ts';
import type { Resource } from '../objects/resource.ts';
import { builtInShape, type ShapeOf } from './fields/shapes.ts';
import { issuerDocument, type TokenIssuer } from './issuer-documents.ts';
import { asObject, type JsonObject, partialObject } from './json.ts';
import { builtInKinds, type Kind } from './kinds.ts';
import { ObjectLog } from './object-log.ts';
import { collectionOf, ObjectWrites, type Place, type WriteContext } from './object-writes.ts';
import { jsonPatch, mergePatch, strategicPatch } from './patches.ts';
import { Refusal, statusObject } from './refusal.ts';
import { type PlacedRequest, placeOf } from './routes.ts';
import { fieldMatch, labelMatch } from './selectors.ts';
import { isIn, WatchFeed } from './watch-feed.ts';

/** What a test or a program puts before the server: an answer, or undefined to let the request through. May throw an `ApiError`. */
type Interceptor = (request: ApiRequest) => CannedAnswer | undefined;

interface CannedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface MemoryApiServerOptions {
  readonly clock: Clock;
}

interface OpenWatch {
  readonly kind: Kind;
  readonly feed: WatchFeed;
}

/**
 * The object API in memory: the part of the API server's contract that controllers live by (versions, watches with bookmarks and 410,
 * server-side apply, status, finalizers, owners). It passes the same conformance suite as a real one. It refuses what our own mistakes would be
 * (`validation.ts`) and little else, sets no defaults, and namespaces need not exist.
 */
export class MemoryApiServer implements Transport {
  readonly #clock: Clock;
  readonly #log = new ObjectLog();
  readonly #kinds = new Map<string, Kind>();
  readonly #writes: ObjectWrites;
  readonly #watches = new Set<OpenWatch>();
  readonly #interceptors = new Set<Interceptor>();
  #issuer: TokenIssuer = { issuer: 'https://memory', jwks: { keys: [] } };
  /** Every request so far, as `METHOD path`. */
  readonly requests: string[] = [];

  constructor({ clock }: MemoryApiServerOptions) {
    this.#clock = clock;
    this.#writes = new ObjectWrites(this.#log, clock, (kinds) => this.#serve(kinds));
    this.#serve(builtInKinds());
  }

  /** The object API of this server, without a network between. */
  api(): ObjectApi {
    return new RestApi({ transport: this, clock: this.#clock });
  }

  /** Serves a kind whose CustomResourceDefinition is not applied. */
  define<T extends KubeObject>(
    resource: Resource<T>,
    { shapeOf = builtInShape }: { readonly shapeOf?: ShapeOf } = {},
  ): void {
    const { group, version, kind, plural, namespaced } = resource;
    this.#serve([{ group, version, kind, plural, namespaced, hasStatus: true, shapeOf }]);
  }

  /** Answers instead of the server until the result is called. */
  intercept(interceptor: Interceptor): () => void {
    this.#interceptors.add(interceptor);
    return () => this.#interceptors.delete(interceptor);
  }

  /** Who signs tokens, from now on; nobody unless told. */
  publishIssuer(issuer: TokenIssuer): void {
    this.#issuer = issuer;
  }

  /** Sends every watch a bookmark of the present version. */
  bookmark(): void {
    for (const { kind, feed } of this.#watches) feed.bookmark(kind.kind, apiVersionOfKind(kind), this.#log.version);
  }

  /** Ends every watch; with an error, as when the connection breaks. */
  endWatches(error?: ApiError): void {
    for (const { feed } of [...this.#watches]) feed.close(error);
  }

  get watchCount(): number {
    return this.#watches.size;
  }

  /** Forgets the history: watches from before are answered with 410. */
  compact(): void {
    this.#log.compact();
  }

  async send(request: ApiRequest): Promise<ApiResponse> {
    this.requests.push(`${request.method} ${request.path}`);
    for (const interceptor of this.#interceptors) {
      const canned = interceptor(request);
      if (canned !== undefined) return answer(canned.status, canned.body, canned.headers);
    }
    try {
      return this.#handle(request);
    } catch (error) {
      if (error instanceof Refusal) return answer(error.status, statusObject(error));
      throw error;
    }
  }

  async close(): Promise<void> {
    this.endWatches();
  }

  #serve(kinds: readonly Kind[]): void {
    for (const kind of kinds) this.#kinds.set(`${kind.group}/${kind.version}/${kind.plural}`, kind);
  }

  #handle(request: ApiRequest): ApiResponse {
    const document = request.method === 'GET' && issuerDocument(this.#issuer, request.path, request.accept);
    if (document) return answer(200, document.body, { 'content-type': document.contentType });
    const view = viewOf(request);
    const placed = placeOf(request.path, (id) => this.#kinds.get(id));
    const { place, query } = placed;
    if (request.method === 'GET' && place.name !== '') return answer(200, view(this.#writes.get(place)));
    if (request.method === 'GET')
      return query.get('watch') === 'true' ? this.#watch(placed, request) : answer(200, view(this.#list(placed)));
    const context = contextOf(placed, request);
    const body = parseBody(request.body);
    switch (request.method) {
      case 'POST':
        return answer(201, view(this.#writes.create(context, asObject(body))));
      case 'PUT':
        return answer(200, view(this.#writes.replace(context, asObject(body))));
      case 'PATCH':
        return answer(200, view(this.#patch(context, request.contentType, body, query)));
      case 'DELETE': {
        const { preconditions, propagationPolicy } = asObject(body);
        return answer(200, this.#writes.delete(context, asObject(preconditions), propagationPolicy === 'Orphan'));
      }
      default:
        return request.method satisfies never;
    }
  }

  #patch(context: WriteContext, contentType: string | undefined, body: unknown, query: URLSearchParams): JsonObject {
    if (contentType === 'application/apply-patch+yaml') {
      return this.#writes.apply(context, asObject(body), query.get('force') === 'true');
    }
    const live = this.#writes.get(context.place);
    switch (contentType) {
      case 'application/merge-patch+json':
        return this.#writes.replace(context, asObject(mergePatch(live, body)));
      case 'application/strategic-merge-patch+json':
        return this.#writes.replace(context, strategicPatch(live, asObject(body), context.place.kind.shapeOf));
      case 'application/json-patch+json':
        return this.#writes.replace(context, jsonPatch(live, body));
      default:
        throw new Refusal(
          415,
          'UnsupportedMediaType',
          `the body of the request was in an unknown format: ${contentType}`,
        );
    }
  }

  #list({ place, query }: PlacedRequest): JsonObject {
    const { kind } = place;
    const matching = this.#log.list(collectionOf(kind)).filter(matchOf(place, query));
    const [version, from] = parseContinue(query.get('continue')) ?? [this.#log.version, 0];
    if (Number(version) < this.#log.compactedTo)
      throw new Refusal(410, 'Expired', 'The provided continue parameter is too old');
    const limit = Number(query.get('limit') ?? 0) || matching.length;
    const items = matching.slice(from, from + limit).map(({ apiVersion: _version, kind: _kind, ...item }) => item);
    const next = from + limit < matching.length ? { continue: `${version}:${from + limit}` } : {};
    const metadata = { resourceVersion: version, ...next };
    return { apiVersion: apiVersionOfKind(kind), kind: `${kind.kind}List`, metadata, items };
  }

  #watch({ place, query }: PlacedRequest, request: ApiRequest): ApiResponse {
    const { kind } = place;
    const { signal } = request;
    const feed = new WatchFeed(matchOf(place, query), viewOf(request));
    const collection = collectionOf(kind);
    const stop = this.#log.follow(query.get('resourceVersion') ?? '0', (entry) => {
      if (entry.collection === collection) feed.entry(entry);
    });
    const watch = { kind, feed };
    this.#watches.add(watch);
    const end = () => feed.close(signal?.reason);
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted) end();
    return {
      status: 200,
      headers: JSON_HEADERS,
      body: untilEnd(feed, () => {
        stop();
        this.#watches.delete(watch);
        signal?.removeEventListener('abort', end);
      }),
    };
  }
}

const JSON_HEADERS = { 'content-type': 'application/json' };

async function* untilEnd(feed: WatchFeed, ended: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* feed;
  } finally {
    ended();
  }
}

function answer(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): ApiResponse {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return {
    status,
    headers: { ...JSON_HEADERS, ...headers },
    body: (async function* () {
      yield bytes;
    })(),
  };
}

/** What of an object the client takes. */
function viewOf({ accept = '' }: ApiRequest): (object: JsonObject) => JsonObject {
  return accept.includes('as=PartialObjectMetadata') ? partialObject : (object) => object;
}

function parseBody(body: ApiRequest['body'] = '{}'): unknown {
  try {
    return JSON.parse(typeof body === 'string' ? body : Buffer.from(body).toString('utf8'));
  } catch {
    throw new Refusal(400, 'BadRequest', 'the object provided is unrecognized');
  }
}

function contextOf({ place, query }: PlacedRequest, request: ApiRequest): WriteContext {
  const manager = query.get('fieldManager') ?? '';
  if (manager === '' && request.contentType === 'application/apply-patch+yaml') {
    throw new Refusal(
      400,
      'BadRequest',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
  }
  return { place, manager: manager || 'unknown', dryRun: query.get('dryRun') === 'All' };
}

function matchOf({ namespace }: Place, query: URLSearchParams): (object: JsonObject) => boolean {
  const matches = [
    isIn(namespace),
    labelMatch(query.get('labelSelector') ?? ''),
    ...(query.has('fieldSelector') ? [fieldMatch(query.get('fieldSelector') ?? '')] : []),
  ];
  return (object) => matches.every((match) => match(object));
}

/** The version that the list was begun at, and how far it was read. */
function parseContinue(token: string | null): [version: string, from: number] | undefined {
  const [, version, from] = /^(\d+):(\d+)$/.exec(token ?? '') ?? [];
  return version === undefined ? undefined : [version, Number(from)];
}

function apiVersionOfKind({ group, version }: Kind): string {
  return group === '' ? version : `${group}/${version}`;
}
