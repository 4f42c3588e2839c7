import { ACCEPTED } from '../../api/index.ts';
import { type Change, keyOf, type ObjectKey } from '../../kube/index.ts';
import { relayOf } from '../namespaces/decide.ts';
import type { ServedExecutor } from '../own-kinds.ts';

/** How many executors use this Relay: they name it, and are not refused. */
export function countExecutors(executors: readonly ServedExecutor[], relay: ObjectKey): number {
  return executors.filter((executor) => usedRelay(executor) === relay).length;
}

/** The Relays whose count is another after this change. */
export function countedAnew(change: Change<ServedExecutor>): ObjectKey[] {
  const now = change.type === 'deleted' ? undefined : usedRelay(change.object);
  const before =
    change.type === 'updated'
      ? usedRelay(change.before)
      : change.type === 'deleted'
        ? usedRelay(change.object)
        : undefined;
  return now === before ? [] : [now, before].filter((relay) => relay !== undefined);
}

function usedRelay(executor: ServedExecutor): ObjectKey | undefined {
  if (executor.metadata.deletionTimestamp !== undefined) return undefined;
  const refused = executor.status.conditions.some(({ type, status }) => type === ACCEPTED && status === 'False');
  return refused ? undefined : keyOf(relayOf(executor));
}
