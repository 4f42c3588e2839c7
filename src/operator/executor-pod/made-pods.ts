import type { ObjectRef } from '../../kube/index.ts';
import type { Owner } from '../children/child.ts';
import type { PodStatus } from './decide.ts';

/**
 * The pods that this process has made, until caches show them in status. A pod counts only by the UID that the API server gave to our own
 * `create`: names of pods can be told beforehand, and whoever may create pods can make one of that name and write our labels and an owner
 * reference on it. So what is found is never taken on. A process that ends before it has written the UID leaves a pod that is ended and
 * followed by another.
 */
export class MadePods {
  readonly #made = new Map<string, { readonly ownerUid: string; readonly status: PodStatus }>();

  remember(owner: Owner, status: PodStatus): void {
    this.#made.set(keyOf(owner), { ownerUid: owner.uid, status });
  }

  /** The executor is no more. */
  forget(executor: Required<ObjectRef>): void {
    this.#made.delete(keyOf(executor));
  }

  /** What status says of the pod, or what it will say as soon as the caches have it. */
  known(owner: Owner, written: PodStatus | undefined): PodStatus | undefined {
    const made = this.#made.get(keyOf(owner));
    if (made === undefined) return written;
    const ahead =
      made.ownerUid === owner.uid &&
      (written === undefined || written.attempt < made.status.attempt || isBeing(written, made.status));
    if (ahead) return made.status;
    this.#made.delete(keyOf(owner));
    return written;
  }
}

/** Status speaks of this attempt, and not yet of its pod. */
function isBeing(written: PodStatus, made: PodStatus): boolean {
  return written.attempt === made.attempt && written.uid === undefined;
}

function keyOf({ namespace, name }: Required<ObjectRef>): string {
  return `${namespace}/${name}`;
}
