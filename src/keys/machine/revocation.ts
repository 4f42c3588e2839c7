import { MAX_MISSING_PARTIES } from '../../api/index.ts';
import { parseTime, secondTime } from '../../kube/index.ts';
import { lostKeys } from './drift.ts';
import type { ObservedKeys } from './observed.ts';
import type { CutProgress, KeyRecord, KeysRecord } from './record.ts';

/**
 * How long a revoked key stays in the Secret for a sidecar that has not said that it cut: registries refuse the key from the moment of the record, so
 * that this is order and not safety. Milliseconds.
 */
const CUT_PATIENCE_MS = 30_000;

const LOST = 'lost: it was in no store any more';

/** Records what is asked for first of all: registries deny the key as soon as they read it. */
export function revokeRequested(record: KeysRecord, { revocation }: ObservedKeys, now: number): KeysRecord {
  if (revocation === undefined) return withoutIgnored(record);
  if (revocation.keyId === record.ignoredRevocation) return record;
  const key = record.keys.find(({ id }) => id === revocation.keyId);
  if (key === undefined) return { ...record, ignoredRevocation: revocation.keyId };
  if (key.state === 'Revoked') return withoutIgnored(record);
  const { requestedBy, proven, reason } = revocation;
  const by = requestedBy === undefined ? '' : `${requestedBy}${proven ? '' : ' (unverified)'}: `;
  const revoked = asRevoked(key, `${by}${reason ?? 'revocation was requested'}`, now);
  return withKey(withoutIgnored(record), revoked);
}

/** A live key that is nowhere any more is refused for good, and its number is used up. */
export function revokeLost(record: KeysRecord, observed: ObservedKeys, now: number): KeysRecord {
  return lostKeys(record, observed).reduce((so, key) => withKey(so, asRevoked(key, LOST, now)), record);
}

/** Who has acknowledged so far. It is kept as it was while nobody can be asked: nothing is complete for being unknown. */
export function withCutProgress(record: KeysRecord, observed: ObservedKeys, now: number): KeysRecord {
  return record.keys.reduce((so, key) => {
    if (key.state !== 'Revoked' || key.fingerprint === undefined) return so;
    const cut = progressOf(key, observed, now);
    return cut === undefined || sameProgress(cut, key.cut) ? so : withKey(so, { ...key, cut });
  }, record);
}

/** Whether a revoked key may leave the Secret: everybody has cut it, or was given the time to. A time that only a clock ahead of this one can have
 * written is no reason to wait. */
export function mayWithdraw(key: KeyRecord, now: number): boolean {
  const time = withdrawalTime(key);
  return time <= now || time > now + CUT_PATIENCE_MS;
}

/** From when on, in milliseconds. */
export function withdrawalTime({
  cut,
  fingerprint,
  revocationTime,
}: Pick<KeyRecord, 'cut' | 'fingerprint' | 'revocationTime'>): number {
  if (fingerprint === undefined || cut?.completionTime !== undefined) return 0;
  return (parseTime(revocationTime) ?? 0) + CUT_PATIENCE_MS;
}

export function withKey(record: KeysRecord, changed: KeyRecord): KeysRecord {
  return { ...record, keys: record.keys.map((key) => (key.id === changed.id ? changed : key)) };
}

function asRevoked(key: KeyRecord, reason: string, now: number): KeyRecord {
  return { ...key, state: 'Revoked', reason, revocationTime: secondTime(now) };
}

function progressOf(
  { fingerprint = '', cut }: KeyRecord,
  { heard }: ObservedKeys,
  now: number,
): CutProgress | undefined {
  if (!heard.known) return cut === undefined ? NOTHING_HEARD : undefined;
  const heardFrom = heard.acknowledged.get(fingerprint) ?? new Set();
  if (cut?.completionTime !== undefined) return withStragglers(cut, heardFrom);
  const parties = [...heard.registries, ...heard.sidecars, ...heard.relays];
  const missing = parties.filter((party) => !heardFrom.has(party)).toSorted();
  const isRefused = [...heard.registries, ...heard.sidecars].every((party) => heardFrom.has(party));
  // Without a pod nobody says that streams are cut: they are where no socket is left of any pod.
  const isCut = heard.sidecars.length > 0 || !heard.live.has(fingerprint);
  return {
    acknowledged: parties.length - missing.length,
    expected: parties.length,
    missing: missing.slice(0, MAX_MISSING_PARTIES),
    ...(isRefused && isCut && { completionTime: secondTime(now) }),
  };
}

/** Once it is complete relays may still come in. Nobody is added then: denies end, and with them what is known of them. */
function withStragglers(cut: CutProgress, heardFrom: ReadonlySet<string>): CutProgress {
  const missing = cut.missing.filter((party) => !heardFrom.has(party));
  return { ...cut, missing, acknowledged: cut.acknowledged + cut.missing.length - missing.length };
}

const NOTHING_HEARD: CutProgress = { acknowledged: 0, expected: 0, missing: [] };

function sameProgress(a: CutProgress, b: CutProgress | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function withoutIgnored(record: KeysRecord): KeysRecord {
  if (record.ignoredRevocation === undefined) return record;
  const { ignoredRevocation: _, ...rest } = record;
  return rest;
}
