import { z } from 'zod';
import type { Kubectl } from './kubectl.ts';

const object = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    uid: z.string(),
    resourceVersion: z.string(),
    ownerReferences: z.array(z.looseObject({ kind: z.string(), name: z.string(), uid: z.string() })).default([]),
  }),
});
const objects = z.looseObject({ items: z.array(object) });

/** An object of any kind. */
export type AnyObject = z.infer<typeof object>;

/** Events tell of what was and are forgotten by themselves; metrics are no objects. */
const NO_OBJECTS = /^(events(\..*)?|.*\.metrics\.k8s\.io)$/;

/** Everything in a namespace, of every kind that the API server says it has. */
export async function inventory(kubectl: Kubectl): Promise<AnyObject[]> {
  const kinds = await kubectl.run(['api-resources', '--namespaced', '--verbs=list,delete', '--output=name']);
  const asked = kinds.split('\n').filter((kind) => kind !== '' && !NO_OBJECTS.test(kind));
  return objects.parse(await kubectl.get(asked.join(','))).items;
}

/** `Deployment main-relay`: what an object is called in a list of them. */
export function nameOf({ kind, metadata }: AnyObject): string {
  return `${kind} ${metadata.name}`;
}

/** The objects whose controller is of this kind. */
export function childrenOf(all: readonly AnyObject[], kind: 'Relay' | 'Executor'): AnyObject[] {
  return all.filter(({ metadata }) => metadata.ownerReferences.some((owner) => owner.kind === kind));
}
