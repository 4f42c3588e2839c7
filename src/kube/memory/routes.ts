import type { Kind } from './kinds.ts';
import type { Place } from './object-writes.ts';
import { Refusal } from './refusal.ts';

export interface PlacedRequest {
  /** `namespace` and `name` empty: all namespaces, the collection. */
  readonly place: Place;
  readonly query: URLSearchParams;
}

/** What a path means: `/api/v1/…` or `/apis/GROUP/VERSION/…`, then perhaps a namespace, a collection, a name, a subresource. */
export function placeOf(path: string, kindOf: (id: string) => Kind | undefined): PlacedRequest {
  const url = new URL(path, 'http://memory');
  const [root, ...parts] = url.pathname.split('/').slice(1).map(decodeURIComponent);
  const group = root === 'api' ? '' : (parts.shift() ?? '');
  const version = parts.shift() ?? '';
  const namespace = parts[0] === 'namespaces' && parts.length > 2 ? parts.splice(0, 2)[1] : '';
  const [plural = '', name = '', subresource] = parts;
  const kind = kindOf(`${group}/${version}/${plural}`);
  if (kind === undefined || (subresource !== undefined && subresource !== 'status')) {
    throw new Refusal(404, 'NotFound', 'the server could not find the requested resource');
  }
  return { place: { kind, namespace: namespace ?? '', name, subresource }, query: url.searchParams };
}
