import type { KubeObject, ObjectApi, Resource } from '../../src/kube/index.ts';

/** What there is of a kind in one namespace, by name. */
export type Objects<T> = ReadonlyMap<string, T>;

/** More than anything here takes on a machine that is busy with other things. Seconds. */
const PATIENCE_SECONDS = 120;

export interface Waited {
  readonly namespace: string;
  /** For the message when it takes too long. */
  readonly what: string;
  readonly seconds?: number;
}

/** Watches a kind in one namespace until `holds` finds what it looks for, and gives that. Rejects after `seconds`, with what there was then. */
export async function untilAll<T extends KubeObject, Found>(
  api: ObjectApi,
  resource: Resource<T>,
  { namespace, what, seconds = PATIENCE_SECONDS }: Waited,
  holds: (objects: Objects<T>) => Found | undefined | false,
): Promise<Found> {
  const signal = AbortSignal.timeout(seconds * 1000);
  const objects = new Map<string, T>();
  try {
    const { items, resourceVersion } = await api.list(resource, { namespace, signal });
    for (const item of items) objects.set(item.metadata.name, item);
    for (let found = holds(objects); ; ) {
      if (found !== undefined && found !== false) return found;
      for await (const event of api.watch(resource, { namespace, resourceVersion, signal })) {
        if (event.type === 'DELETED') objects.delete(event.object.metadata.name);
        else if (event.type !== 'BOOKMARK') objects.set(event.object.metadata.name, event.object);
        found = holds(objects);
        if (found !== undefined && found !== false) return found;
      }
    }
  } catch (cause) {
    if (!signal.aborted) throw cause;
    const seen = [...objects.values()].map(({ metadata, ...rest }) => ({ name: metadata.name, ...rest }));
    throw new Error(`waited ${seconds} s for ${what}: ${JSON.stringify(seen).slice(0, 4000)}`, { cause });
  }
}

/** The same for one object: `holds` is asked of each state of it, and of its absence. Gives that state. */
export async function until<T extends KubeObject>(
  api: ObjectApi,
  resource: Resource<T>,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  what: string,
  holds: (object: T | undefined) => boolean,
): Promise<T | undefined> {
  const where = { namespace, what: `${resource.kind} ${name} ${what}` };
  const { object } = await untilAll(api, resource, where, (objects) => {
    const object = objects.get(name);
    return holds(object) && { object };
  });
  return object;
}
