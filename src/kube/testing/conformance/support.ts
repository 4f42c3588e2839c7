import type { ObjectApi, WatchEvent } from '../../client/api.ts';
import type { ApiErrorCode } from '../../client/errors.ts';
import type { KubeObject } from '../../objects/object.ts';
import type { Widget } from './widget.ts';

/** Where a test works; known only when it runs. */
export type Place = () => { readonly api: ObjectApi; readonly namespace: string };

/**
 * How long something may take that the server does by and by. The garbage collector learns of a new kind every 30 s, and deletes nothing
 * of an owner whose kind it does not know. Milliseconds.
 */
const EVENTUALLY_MS = 90_000;

export function widget(namespace: string, name: string, spec: NonNullable<Widget['spec']>) {
  return { metadata: { namespace, name }, spec };
}

export function names(objects: readonly KubeObject[]): string[] {
  return objects.map(({ metadata }) => metadata.name);
}

export async function refusal(call: Promise<unknown>): Promise<ApiErrorCode | 'accepted'> {
  try {
    await call;
    return 'accepted';
  } catch (error) {
    return (error as { code: ApiErrorCode }).code;
  }
}

/** So many events that are about objects. */
export async function take<T>(watch: AsyncIterable<WatchEvent<T>>, count: number) {
  const seen: Exclude<WatchEvent<T>, { type: 'BOOKMARK' }>[] = [];
  for await (const event of watch) {
    if (event.type !== 'BOOKMARK') seen.push(event);
    if (seen.length === count) break;
  }
  return seen;
}

/** Tries until it does not throw; the last error stands when the time is over. */
export async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (const giveUpAt = Date.now() + EVENTUALLY_MS; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
