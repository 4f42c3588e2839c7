import { secondTime } from '../../kube/index.ts';
import { decideKeys, type KeyDecision } from '../machine/decide.ts';
import type { HeardKeys, ObservedKeys, PlaceView } from '../machine/observed.ts';
import { type KeyRecord, type KeysRecord, NEW_KEYS_RECORD } from '../machine/record.ts';
import type { RotationPolicy } from '../schedule/policy.ts';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const NOW = Date.parse('2026-11-30T12:00:00Z');
export const ago = (milliseconds: number) => secondTime(NOW - milliseconds);
export const inTime = (milliseconds: number) => secondTime(NOW + milliseconds);

export const policy: RotationPolicy = { period: 90 * DAY, overlap: DAY, windows: [], deletionPolicy: 'Destroy' };
export const print = (id: string) => `SHA256:${id}`;
export const stored = (...ids: string[]): PlaceView => ({
  reachable: true,
  keys: ids.map((id) => ({ id, fingerprint: print(id) })),
});
export const away: PlaceView = { reachable: false, code: 'sealed', message: 'it is sealed' };

export function key(id: string, state: KeyRecord['state'], more: Partial<KeyRecord> = {}): KeyRecord {
  const fingerprint = state === 'Pending' ? {} : { fingerprint: print(id) };
  return { id, state, trigger: 'Initial', creationTime: ago(HOUR), ...fingerprint, ...more };
}

function record(keys: readonly KeyRecord[], more: Partial<KeysRecord> = {}): KeysRecord {
  return { ...NEW_KEYS_RECORD, keys, ...more };
}

export function heard(...present: string[]): HeardKeys {
  return {
    known: true,
    present: new Set(present.map(print)),
    live: new Set(present.map(print)),
    acknowledged: new Map(),
    registries: ['registry'],
    sidecars: ['sidecar'],
    relays: ['relay a'],
    loaded: new Set(present.map(print)),
  };
}

export interface Case extends Partial<Omit<ObservedKeys, 'record'>> {
  readonly keys: readonly KeyRecord[];
  readonly record?: Partial<KeysRecord>;
}

/** Store and Secret hold what is live, the sidecar serves it, and nothing is asked for, unless the case says otherwise. */
export function observe({ keys, record: more, ...rest }: Case): ObservedKeys {
  const ids = keys.filter(({ state }) => ['Prepared', 'Active', 'Retiring'].includes(state)).map(({ id }) => id);
  const base: ObservedKeys = {
    holder: { namespace: 'team-a', name: 'build' },
    record: record(keys, more),
    policy,
    rotation: undefined,
    revocation: undefined,
    store: stored(...ids),
    secret: stored(...ids),
    pod: undefined,
    heard: heard(...ids),
  };
  const observed = { ...base, ...rest };
  if (more?.delivery !== undefined || more?.nextRotationTime !== undefined) return observed;
  // What follows from the rest, written already: a case is about one thing.
  const next = decideKeys({ ...observed, rotation: undefined, revocation: undefined }, NOW);
  return next.type === 'record' && sameKeys(next.record, observed.record)
    ? { ...observed, record: next.record }
    : observed;
}

function sameKeys(a: KeysRecord, b: KeysRecord): boolean {
  return (
    JSON.stringify([a.keys, a.failures, a.handledRequests]) === JSON.stringify([b.keys, b.failures, b.handledRequests])
  );
}

export const decide = (what: Case, now = NOW) => decideKeys(observe(what), now);
export const summary = (decision: KeyDecision) => {
  switch (decision.type) {
    case 'record':
      return decision.record.keys.map(({ id, state }) => `${id} ${state}`).join(', ');
    case 'effect':
      return decision.effect.type === 'poke' ? 'poke' : `${decision.effect.type} ${decision.effect.id}`;
    case 'wait':
      return 'wait';
    default:
      return decision satisfies never;
  }
};
export const request = (value: string) => ({ value, trigger: 'Annotation', proven: false }) as const;
export const active = key('k1', 'Active', { activationTime: ago(HOUR) });
