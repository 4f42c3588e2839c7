import { type KeyStatus, REASONS } from '../../api/index.ts';
import { type KeyHolder, type KeyStore, KeyStoreError } from '../../keys/index.ts';
import type { Stall } from '../namespaces/decide.ts';
import { decideKeys } from './decide.ts';

export type KeysResult =
  /** A key is there; pods may start. */
  | { readonly type: 'ready'; readonly records: readonly KeyStatus[] }
  /** These records must be written to status before anything else happens. */
  | { readonly type: 'pending'; readonly records: readonly KeyStatus[] }
  | { readonly type: 'unavailable'; readonly records: readonly KeyStatus[] }
  | { readonly type: 'stalled'; readonly records: readonly KeyStatus[]; readonly stall: Stall };

export interface KeysInput {
  readonly store: KeyStore;
  readonly holder: KeyHolder;
  /** `status.keys`. */
  readonly records: readonly KeyStatus[];
  readonly serving: boolean;
  readonly now: number;
}

/** One step toward a key that is recorded and made. What it records is written by the caller, before the next step. */
export async function reconcileKeys(
  { store, holder, records, serving, now }: KeysInput,
  signal: AbortSignal,
): Promise<KeysResult> {
  try {
    const stored = await store.list(holder, { signal });
    const decision = decideKeys({ records, stored, serving }, now);
    if (decision.type === 'create') {
      const made = await store.create(holder, decision.id, { signal });
      return settled(decideKeys({ records, stored: [...stored, made], serving }, now), records);
    }
    return settled(decision, records);
  } catch (error) {
    if (!(error instanceof KeyStoreError)) throw error;
    if (error.code === 'unavailable') return { type: 'unavailable', records };
    const reason = error.code === 'not_owned' ? REASONS.NotOwned : REASONS.SecretInvalid;
    return { type: 'stalled', records, stall: { reason, message: error.message } };
  }
}

function settled(decision: ReturnType<typeof decideKeys>, records: readonly KeyStatus[]): KeysResult {
  switch (decision.type) {
    case 'nothing':
      return { type: 'ready', records };
    case 'record': {
      const usable = decision.records.some(({ state }) => state === 'Prepared' || state === 'Active');
      return { type: usable ? 'ready' : 'pending', records: decision.records };
    }
    case 'create':
      return { type: 'pending', records };
    case 'mismatch': {
      const message = `Key ${decision.id} in the Secret is not the one in status: somebody replaced it. Restore it, or delete the Secret to have a new key made.`;
      return { type: 'stalled', records, stall: { reason: REASONS.SecretInvalid, message } };
    }
    default:
      return decision satisfies never;
  }
}
