import type { KubeObject, OwnerReference } from './object.ts';

/** The reference that makes the garbage collector delete a child with its owner; at most one of a child's owners is its controller. */
export function controllerReference(owner: KubeObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true };
}

/** The owner that controls this object. */
export function controllerOf(object: Pick<KubeObject, 'metadata'>): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

/** By uid: an object of the same name, deleted and made again, is another owner. */
export function isControlledBy(
  object: Pick<KubeObject, 'metadata'>,
  owner: { readonly metadata: { readonly uid: string } },
): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}
