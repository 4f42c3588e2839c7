import type { LabelSelector, Labels } from '../../api/index.ts';
import type { Incarnation } from '../../wire/index.ts';
import type { EnvironmentRecord, KeyRecord } from '../directory/directory.ts';

/** The part of an Executor that a registry decides by. */
export interface ExecutorFacts {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly relay: { readonly namespace: string; readonly name: string };
  readonly runtime: EnvironmentRecord['runtime'];
  /** The operator's word on whether this executor may use its relay; undefined before it looked. */
  readonly accepted: boolean | undefined;
  /** `status.pod.uid`: the fence. */
  readonly fence: Incarnation | undefined;
  readonly keys: readonly KeyRecord[];
  /** Of an `External` one. Expiry in milliseconds since the epoch. */
  readonly registrationTokens: readonly { readonly sha256: string; readonly expiresAt: number }[];
}

/** The part of an ExecutorGrant. */
export interface GrantFacts {
  readonly namespace: string;
  readonly name: string;
  readonly identities: readonly string[];
  /** Of subjects `Group system:serviceaccounts:NAMESPACE`. */
  readonly namespaces: readonly string[];
  /** Undefined selects nothing. */
  readonly selector: LabelSelector | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** The part of the Relay whose registry this is. */
export interface RelayFacts {
  readonly allowed: 'Same' | 'Selector' | 'All';
  /** Relay replicas whose snapshots make the picture whole. */
  readonly replicas: number;
}
