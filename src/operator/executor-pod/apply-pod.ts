import type { V1Pod } from '@kubernetes/client-node';
import { FIELD_MANAGER, REASONS } from '../../api/index.ts';
import { isApiError, isControlledBy, type Pod, pods } from '../../kube/index.ts';
import { currentChild, NotOwnedError } from '../children/apply-child.ts';
import type { Child, Owner } from '../children/child.ts';
import type { Stall } from '../namespaces/decide.ts';
import { BY_CONTROLLER, type World } from '../world.ts';

/** The pod that was made, or why the API server does not take it, or that another pod has its name. */
export type CreatedPod = { readonly pod: Pod } | { readonly refused: Stall } | { readonly nameTaken: true };

/** The pod of this name for sure: one that informers do not show may still be there. */
export function findPod(world: World, owner: Owner, name: string, signal: AbortSignal): Promise<Pod | undefined> {
  const kind = { resource: pods, store: world.stores.pods };
  return currentChild(world, kind, { namespace: owner.namespace, name }, owner, signal);
}

/**
 * Makes a pod. One of its name that is there already is not taken on, whatever it says of itself (`MadePods`). A refusal (Pod Security, quota, an admission policy) is an answer and no error:
 * a human has to mend it. Throws `ApiError`, `NotOwnedError`.
 */
export async function createPod(
  world: World,
  owner: Owner,
  pod: Child<V1Pod>,
  signal: AbortSignal,
): Promise<CreatedPod> {
  const { name, namespace } = pod.metadata;
  try {
    return { pod: await world.api.create(pods, wire(pod), { fieldManager: FIELD_MANAGER, signal }) };
  } catch (error) {
    if (isApiError(error, 'AlreadyExists')) {
      const there = await world.api.get(pods, { namespace, name }, { signal });
      if (!isControlledBy(there, { metadata: { uid: owner.uid } }))
        throw new NotOwnedError('Pod', { namespace, name }, owner);
      return { nameTaken: true };
    }
    if (isApiError(error, 'Forbidden', 'Invalid', 'BadRequest')) {
      const message = error instanceof Error ? error.message : String(error);
      return { refused: { reason: REASONS.PodRefused, message: `The API server refuses the pod: ${message}` } };
    }
    throw error;
  }
}

/** Ends every pod of the executor but the one that counts. Their UID is the precondition: a name alone could be another pod's. */
export async function deleteOthers(
  world: World,
  owner: Owner,
  kept: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  for (const { metadata } of world.stores.pods.by(BY_CONTROLLER, owner.uid)) {
    if (metadata.name === kept || metadata.deletionTimestamp !== undefined) continue;
    const ref = { namespace: owner.namespace, name: metadata.name };
    await world.api.delete(pods, ref, { uid: metadata.uid, signal }).catch((error: unknown) => {
      if (!isApiError(error, 'NotFound', 'Conflict')) throw error; // gone already, or another pod by now
    });
    world.log.info(
      { namespace: owner.namespace, executor: owner.name, pod: metadata.name },
      'ended a pod that no longer counts',
    );
  }
}

/** What is sent is JSON: dates would be strings there, and a pod that is made here has none. */
function wire(pod: Child<V1Pod>) {
  return pod as Child<Omit<V1Pod, 'metadata' | 'status'>>;
}
