/**
 * Where a key stands (`design.md` §4). `Retired` is the intent to remove it: accepted no more, still to go from Secret and store. Any state may
 * become `Revoked`; nothing leaves `Destroyed` and `Revoked`.
 */
type KeyState = 'Pending' | 'Prepared' | 'Active' | 'Retiring' | 'Retired' | 'Destroyed' | 'Revoked';

export type KeyTrigger = 'Initial' | 'Schedule' | 'Annotation' | 'Command' | 'Revocation';

/** How far the cutting of a revoked key is. */
export interface CutProgress {
  /** Registries, relays and sidecars that said so, of those that there are. */
  readonly acknowledged: number;
  readonly expected: number;
  /** Those that were not heard from, by name, as far as there is room. */
  readonly missing: readonly string[];
  /** When every registry refused it, and the last sidecar had acknowledged or was fenced off. */
  readonly completionTime?: string | undefined;
}

/** What is remembered of one key. Times are RFC 3339. */
export interface KeyRecord {
  /** `k1`, `k2`, …; a number never names two keys. */
  readonly id: string;
  readonly state: KeyState;
  readonly fingerprint?: string | undefined;
  readonly trigger: KeyTrigger;
  readonly requestedBy?: string | undefined;
  /** Whether `requestedBy` was proven to be the one who asked. */
  readonly requester?: 'Verified' | 'Unverified' | undefined;
  /** Why it was asked for, or why it was revoked. */
  readonly reason?: string | undefined;
  readonly creationTime: string;
  readonly preparationTime?: string | undefined;
  readonly activationTime?: string | undefined;
  readonly retirementTime?: string | undefined;
  readonly revocationTime?: string | undefined;
  /** When it was gone from Secret and store. */
  readonly destructionTime?: string | undefined;
  /** Who had not said by then that it is out of its memory too. */
  readonly heldBy?: readonly string[] | undefined;
  readonly cut?: CutProgress | undefined;
}

/** What the Secret holds, and since when: pokes count from there. */
interface Delivery {
  readonly keys: readonly string[];
  readonly time: string;
}

/** What an effect was about; each has a pause of its own when it fails. */
export type Dependency = 'Store' | 'Secret' | 'Notes';

export interface KeyFailure {
  readonly dependency: Dependency;
  /** Of a `KeyStoreError`. */
  readonly code: string;
  readonly message: string;
  /** In a row. */
  readonly failures: number;
  /** Of the first of them. */
  readonly sinceTime: string;
  /** Not before this time is it tried again. */
  readonly retryTime: string;
}

/** Everything that decisions remember. It is written whole, with the version that was read as precondition. */
export interface KeysRecord {
  /** By number; those that are finished leave at the front. */
  readonly keys: readonly KeyRecord[];
  readonly dropped: number;
  /** Values of the rotation annotation that were handled, newest first. */
  readonly handledRequests: readonly string[];
  /** A value of the revocation annotation that named no key when it was first seen: it does not wait for one. */
  readonly ignoredRevocation?: string | undefined;
  readonly lastRotationTime?: string | undefined;
  readonly nextRotationTime?: string | undefined;
  readonly delivery?: Delivery | undefined;
  readonly failures: readonly KeyFailure[];
}

export const NEW_KEYS_RECORD: KeysRecord = { keys: [], dropped: 0, handledRequests: [], failures: [] };

/** Accepted by registries: more than three would make a revoked or leaked key hard to find among them (`design.md` §4). */
export const MAX_LIVE_KEYS = 3;

const LIVE: ReadonlySet<KeyState> = new Set(['Prepared', 'Active', 'Retiring']);

/** Out of Secret and store, or on its way, and perhaps not out of the sidecar's memory. */
export function isHeld({
  state,
  destructionTime,
  heldBy,
}: Pick<KeyRecord, 'state' | 'destructionTime' | 'heldBy'>): boolean {
  return heldBy !== undefined || ((state === 'Retired' || state === 'Revoked') && destructionTime === undefined);
}

/** Whether registries accept it. */
export function isLive({ state }: Pick<KeyRecord, 'state'>): boolean {
  return LIVE.has(state);
}

/** Whether it is to go: what Secret and store hold of it is removed. */
export function isLeaving({ state }: Pick<KeyRecord, 'state'>): boolean {
  return state === 'Retired' || state === 'Destroyed' || state === 'Revoked';
}

/** Whether a rotation is under way: its key is not serving yet. */
export function isUnderWay({ state }: Pick<KeyRecord, 'state'>): boolean {
  return state === 'Pending' || state === 'Prepared';
}

/** `k12` → 12 */
export function numberOf(id: string): number {
  return Number(id.slice(1));
}

export function byNumber(a: { readonly id: string }, b: { readonly id: string }): number {
  return numberOf(a.id) - numberOf(b.id);
}
