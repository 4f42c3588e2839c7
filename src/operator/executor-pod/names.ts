import { childName, secretName } from '../../api/index.ts';
import { keySecretName } from '../../keys/index.ts';

/** The children of one Executor. */
export interface ExecutorNames {
  /** Secret with the private keys; only the sidecar mounts it. */
  readonly keys: string;
  /** ConfigMap with the bundle that the sidecar trusts: pods cannot mount the one of the Relay's namespace. */
  readonly bundle: string;
  /** PersistentVolumeClaim of a `Persistent` workspace. */
  readonly workspace: string;
  readonly networkPolicy: string;
  /** Secret with the registration token of an `External` executor, when the user brought none. */
  readonly registration: string;
}

export function executorNames({ name }: { readonly name: string }): ExecutorNames {
  const owner = { kind: 'Executor', name };
  return {
    keys: keySecretName({ name }),
    bundle: childName(owner, 'bundle'),
    workspace: childName(owner, 'workspace'),
    networkPolicy: childName(owner, 'network'),
    registration: secretName(owner, 'registration'),
  };
}

/**
 * The pod of one attempt. The UID keeps it apart from pods of an earlier Executor of that name, which may still be ending; a number of its own
 * for each attempt makes creating idempotent: after a crash the same pod is found, never a second one made.
 */
export function podName({ name, uid }: { readonly name: string; readonly uid: string }, attempt: number): string {
  return childName({ kind: 'Executor', name }, '', `${uid}/${attempt}`);
}
