import type { KeyEffect, KeysRecord } from '../../keys/index.ts';
import type { Occurrence } from '../../kube/index.ts';

/**
 * What somebody changed behind our back, told by what was done about it: an event each. `known` are the ids that the store still had. What a
 * rotation does by itself is none.
 */
export function driftOccurrence(
  effect: KeyEffect,
  { keys }: KeysRecord,
  known: readonly string[],
): Occurrence | undefined {
  if (effect.type === 'poke') return undefined;
  const key = keys.find(({ id }) => id === effect.id);
  const { id } = effect;
  switch (effect.type) {
    case 'deliver':
      // A key that is prepared was never there before, as far as anybody knows.
      if (key?.state === 'Prepared') return undefined;
      return warning(
        'KeyRestored',
        'RestoreKey',
        `Key ${id} was missing in the Secret and was put back from the key store.`,
      );
    case 'withdraw':
      if (key === undefined)
        return warning('ForeignKeyRemoved', 'RemoveKey', `${id} in the Secret was no key of ours and was taken out.`);
      if (key.state === 'Retired' || key.state === 'Revoked') return undefined;
      return warning(
        'ForeignKeyRemoved',
        'RemoveKey',
        `What the Secret had as ${id} was another key and was taken out; ${id} follows.`,
      );
    case 'restore':
      return restored(id, known);
    case 'destroy':
      if (key?.destructionTime === undefined) return undefined;
      return warning(
        'KeyStoreRolledBack',
        'DestroyKey',
        `The key store had ${id} again, which was destroyed before: ${BACKUP} It was destroyed again.`,
      );
    case 'create':
    case 'note':
      return undefined;
    default:
      return effect satisfies never;
  }
}

/** Nothing there: a store that is new to this executor, or one that lost everything. Something there: one that went back in time. */
function restored(id: string, known: readonly string[]): Occurrence {
  if (known.length === 0) {
    const note = `The key store had no key of this executor: ${id} was put there from the Secret. Nothing rotates for it.`;
    return { type: 'Normal', reason: 'KeyStored', action: 'StoreKey', note };
  }
  const note = `The key store lacked ${id}: ${BACKUP} It was put back from the Secret.`;
  return warning('KeyStoreRolledBack', 'RestoreKey', note);
}

const BACKUP =
  'it was restored from a backup, or somebody changed it. Look whether other executors say so, and see "When something is wrong" in docs/guides/vault.md.';

function warning(reason: string, action: string, note: string): Occurrence {
  return { type: 'Warning', reason, action, note };
}
