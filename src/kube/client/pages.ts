import type { KubeObject } from '../objects/object.ts';
import { apiVersionOf, type Resource } from '../objects/resource.ts';
import type { ListPage } from './api.ts';
import { ApiError, isExpired } from './errors.ts';

/** Objects in one answer. Parsing a list of 10 MB at once stops the event loop for a good part of a second: 500 is what kubectl takes. */
const PAGE_SIZE = 500;
/** A list whose pages expire so often while it is read is not going to end. */
const MAX_RESTARTS = 3;

interface RawList {
  readonly items?: unknown;
  readonly metadata?: { readonly resourceVersion?: unknown; readonly continue?: unknown };
}

export type PageQuery = { readonly limit: string; readonly continue: string | undefined };

/**
 * Reads a list page by page, each object through the resource's `parse` as it arrives. When the server forgets the version that the list was
 * begun at (410), the list is begun again.
 */
export async function readPages<T extends KubeObject>(
  readPage: (page: PageQuery) => Promise<object>,
  resource: Resource<T>,
  step: string,
): Promise<ListPage<T>> {
  for (let restarts = 0; ; restarts++) {
    try {
      return await readOnce(readPage, resource, step);
    } catch (error) {
      if (!isExpired(error) || restarts >= MAX_RESTARTS) throw error;
    }
  }
}

async function readOnce<T extends KubeObject>(
  readPage: (page: PageQuery) => Promise<object>,
  resource: Resource<T>,
  step: string,
): Promise<ListPage<T>> {
  const items: T[] = [];
  let position: string | undefined;
  for (;;) {
    const page: RawList = await readPage({ limit: String(PAGE_SIZE), continue: position });
    const { resourceVersion, continue: next } = page.metadata ?? {};
    if (typeof resourceVersion !== 'string') throw badList(step);
    for (const item of itemsOf(page, step)) items.push(readObject(resource, item, step));
    if (typeof next !== 'string' || next === '') return { items, resourceVersion };
    position = next;
  }
}

function itemsOf({ items }: RawList, step: string): readonly unknown[] {
  // An empty list of some kinds is `null`.
  if (items === undefined || items === null) return [];
  if (!Array.isArray(items)) throw badList(step);
  return items;
}

/** An object of a list or watch. The server leaves `apiVersion` and `kind` out of the items of a list. */
export function readObject<T extends KubeObject>(resource: Resource<T>, raw: unknown, step: string): T {
  if (typeof raw !== 'object' || raw === null || !('metadata' in raw)) throw badList(step);
  const complete = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...raw } as KubeObject;
  try {
    return resource.parse(complete);
  } catch (cause) {
    const message = `${resource.kind} ${complete.metadata.namespace ?? ''}/${complete.metadata.name} could not be read`;
    throw new ApiError({ code: 'BadAnswer', step, message, cause });
  }
}

function badList(step: string): ApiError {
  return new ApiError({ code: 'BadAnswer', step, message: 'the answer is not a list of objects' });
}
