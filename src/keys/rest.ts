import type { KeyHolder, StoredKey } from './key-store.ts';
import { jitterOf } from './schedule/schedule.ts';

/**
 * How long it is believed that a store still holds what it held, in milliseconds: it tells nobody of changes, and each look costs it a request and one
 * more for every key. Each executor has a part of its own of the second half, so that a thousand do not look in one moment.
 */
export const REST_MS = 1_800_000;

interface Rest {
  readonly uid: string;
  readonly keys: readonly StoredKey[];
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/**
 * What stores held when there was nothing to do. It serves to see that there is still nothing to do, and for nothing else: whatever is done, or
 * recorded, is decided by a look of its own. So it costs nothing when it is wrong but the time until the next look.
 */
export class RestingStores {
  readonly #rests = new Map<string, Rest>();

  recall(holder: KeyHolder, now: number): Rest | undefined {
    const rest = this.#rests.get(nameOf(holder));
    // A time that only a clock ahead of this one can have given is no reason to believe anything.
    return rest?.uid === holder.uid && rest.until > now && rest.until <= now + REST_MS ? rest : undefined;
  }

  /** @returns when to look again, in milliseconds */
  remember(holder: KeyHolder, keys: readonly StoredKey[], now: number): number {
    const until = now + Math.floor(REST_MS * (1 - jitterOf(holder) / 2));
    this.#rests.set(nameOf(holder), { uid: holder.uid, keys, until });
    return until;
  }

  /** Something was done, or the executor is gone. */
  forget(holder: Pick<KeyHolder, 'namespace' | 'name'>): void {
    this.#rests.delete(nameOf(holder));
  }
}

function nameOf({ namespace, name }: Pick<KeyHolder, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}
