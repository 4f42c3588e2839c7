import { READY, REASONS } from '../../api/index.ts';
import { controllerOf, type KubeObject } from '../../kube/index.ts';
import type { Finding } from '../conditions/conditions.ts';
import type { Stores } from '../world.ts';

/** A message names no more than these. */
const MAX_NAMED = 5;

/**
 * How an object stands that is being deleted and is still there: somebody asked for foreground deletion, or has put a finalizer of his own.
 * Nothing is made for it any more, and the garbage collector takes its children; we have nothing to do (ADR 0008).
 */
export function deletingFindings(left: readonly string[]): Finding[] {
  const named = left.slice(0, MAX_NAMED).join(', ');
  const more = left.length > MAX_NAMED ? ` and ${left.length - MAX_NAMED} more` : '';
  const waits = left.length === 0 ? 'its last finalizer' : `${named}${more}`;
  return [
    {
      type: READY,
      status: 'Unknown',
      reason: REASONS.Deleting,
      message: `It is being deleted and waits for ${waits}.`,
    },
  ];
}

/** The children of an owner that are still there, as `Pod build-1a2b`. */
export function childrenLeft(stores: Stores, { namespace, uid }: { namespace: string; uid: string }): string[] {
  const { relays: _relays, executors: _executors, grants: _grants, ...children } = stores;
  const kinds: { list(namespace: string): readonly KubeObject[] }[] = Object.values(children);
  return kinds
    .flatMap((store) => store.list(namespace))
    .filter((child) => controllerOf(child)?.uid === uid)
    .map(({ kind, metadata }) => `${kind} ${metadata.name}`);
}
