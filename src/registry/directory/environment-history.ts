import type { Incarnation } from '../../wire/index.ts';
import type { EnvironmentRecord, KeyRecord } from './directory.ts';

/** Fences and keys remembered per environment. */
const MAX_REMEMBERED_PER_ENVIRONMENT = 64;

/** Fences that were: what tells a replaced pod from one that is not the fence yet. */
export function nextFence(
  before: EnvironmentRecord | undefined,
  current: Incarnation | undefined,
): EnvironmentRecord['fence'] {
  const earlier = [...(before?.fence.former ?? []), before?.fence.current].filter((each) => each !== undefined);
  const former = [...new Set(earlier)].filter((each) => each !== current);
  return { current, former: former.slice(-MAX_REMEMBERED_PER_ENVIRONMENT) };
}

/** A key that is no longer listed stays known as `Destroyed`, so that its owner hears "no longer" and not "not yet". */
export function nextKeys(before: EnvironmentRecord | undefined, listed: readonly KeyRecord[]): readonly KeyRecord[] {
  const fingerprints = new Set(listed.map((key) => key.fingerprint));
  const gone = (before?.keys ?? [])
    .filter((key) => !fingerprints.has(key.fingerprint))
    .map((key): KeyRecord => (key.state === 'Revoked' ? key : { ...key, state: 'Destroyed' }));
  return [...gone.slice(-MAX_REMEMBERED_PER_ENVIRONMENT), ...listed];
}
