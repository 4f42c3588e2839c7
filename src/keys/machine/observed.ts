import type { StoredKey } from '../key-store.ts';
import type { RotationPolicy } from '../schedule/policy.ts';
import type { KeysRecord, KeyTrigger } from './record.ts';

/** Somebody asks for a new key. */
export interface RotationRequest {
  /** A new value is a new request. */
  readonly value: string;
  readonly trigger: Extract<KeyTrigger, 'Annotation' | 'Command'>;
  readonly requestedBy?: string | undefined;
  /** Whether the API server proved that `requestedBy` asked. */
  readonly proven: boolean;
  readonly reason?: string | undefined;
}

/** Somebody says that a key is compromised. */
export interface RevocationRequest {
  /** `k3`; what names no key is ignored. */
  readonly keyId: string;
  readonly requestedBy?: string | undefined;
  readonly proven: boolean;
  readonly reason?: string | undefined;
}

/** What a place with keys holds, or why that is not known. */
export type PlaceView =
  | { readonly reachable: true; readonly keys: readonly StoredKey[] }
  | { readonly reachable: false; readonly code: string; readonly message: string };

/** The pod that counts, while it runs. */
interface ObservedKeyPod {
  /** Milliseconds since the epoch. */
  readonly startTime: number;
  /** The value of the last poke. */
  readonly poked: string | undefined;
}

/** What registries say. */
export interface HeardKeys {
  /** Whether any was heard: then what is not mentioned is not there. */
  readonly known: boolean;
  /** Fingerprints that are registered on a live socket of the pod that counts. */
  readonly present: ReadonlySet<string>;
  /** Fingerprints that are registered on a live socket of any pod, also of one that counts no more. */
  readonly live: ReadonlySet<string>;
  /** Of each fingerprint that is denied: who said that it is enforced. */
  readonly acknowledged: ReadonlyMap<string, ReadonlySet<string>>;
  /** Who has to say so: registries that admit, and the sidecar. No sidecar: none runs, or its incarnation was fenced off. */
  readonly registries: readonly string[];
  readonly sidecars: readonly string[];
  /** Who should; a relay only helps (`our-side.md` §4). */
  readonly relays: readonly string[];
  /** Fingerprints whose private half the sidecar has in memory. Undefined: it has not said. */
  readonly loaded: ReadonlySet<string> | undefined;
}

/**
 * All that a decision is made of. Whoever gathers it reads the record first and the places then: a record that is older than the places is refused
 * when it is written, one that is newer would take a key for lost that was only made after the look.
 */
export interface ObservedKeys {
  readonly holder: { readonly namespace: string; readonly name: string };
  readonly record: KeysRecord;
  readonly policy: RotationPolicy;
  readonly rotation: RotationRequest | undefined;
  readonly revocation: RevocationRequest | undefined;
  readonly store: PlaceView;
  /** What the sidecar mounts. Undefined: that is the store itself. */
  readonly secret: PlaceView | undefined;
  readonly pod: ObservedKeyPod | undefined;
  readonly heard: HeardKeys;
  /** Ids of keys that are gone from every place and may still be in the memory of the very process that decides. */
  readonly lingering?: ReadonlySet<string>;
}
