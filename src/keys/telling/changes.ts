import type { KeyRecord } from '../machine/record.ts';

/** One step of a key on its way, as events, the log and metrics tell it. */
export interface KeyChange {
  readonly type: 'requested' | 'created' | 'activated' | 'retired' | 'destroyed' | 'revoked';
  readonly key: KeyRecord;
  /** Of `activated`: the key that served before it. */
  readonly previous?: KeyRecord | undefined;
}

/** What happened to keys between two records. */
export function keyChanges(before: readonly KeyRecord[], after: readonly KeyRecord[]): KeyChange[] {
  return after.flatMap((key): KeyChange[] => {
    const earlier = before.find(({ id }) => id === key.id);
    const type = changeOf(earlier, key);
    if (type === undefined) return [];
    const previous = before.find(({ state, id }) => state === 'Active' && id !== key.id);
    return [{ type, key, ...(type === 'activated' && { previous }) }];
  });
}

/** The furthest step: what a look finds done is told once, by where it ended. */
function changeOf(earlier: KeyRecord | undefined, { state, fingerprint }: KeyRecord): KeyChange['type'] | undefined {
  if (state === 'Revoked') return earlier?.state === 'Revoked' ? undefined : 'revoked';
  if (earlier === undefined && state === 'Pending') return 'requested';
  if (fingerprint !== undefined && earlier?.fingerprint === undefined) return 'created';
  if (earlier === undefined || earlier.state === state) return undefined;
  return STEPS[state];
}

const STEPS: Partial<Record<KeyRecord['state'], KeyChange['type']>> = {
  Active: 'activated',
  Retired: 'retired',
  Destroyed: 'destroyed',
};
