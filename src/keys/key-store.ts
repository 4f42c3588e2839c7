import type { DeletionPolicy } from './schedule/policy.ts';

/** What a store remembers of a key beside the key: for whoever has lost everything else. */
export interface KeyNote {
  /** As in status; `Retained`: done with, and kept. */
  readonly state: string;
  /** Of a key that is retiring. RFC 3339. */
  readonly retirementTime?: string | undefined;
}

/** One key as a store knows it: its name and what it is told from others by. The private half stays where it is. */
export interface StoredKey {
  /** `k1`, `k2`, … */
  readonly id: string;
  /** `SHA256:` and 43 characters of base64. Undefined: what is there cannot be read as a key. */
  readonly fingerprint: string | undefined;
  /** Of stores that take notes. */
  readonly note?: KeyNote | undefined;
}

/** A key that was made or found: it can be read. */
export interface ReadableKey extends StoredKey {
  readonly fingerprint: string;
}

/** Whose keys. */
export interface KeyHolder {
  readonly namespace: string;
  /** Of the Executor. */
  readonly name: string;
  readonly uid: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/**
 * Where private keys lie (`design.md` §4). Every call may be repeated, and two may call at once: what is there is never overwritten, so that a
 * crash between a call and the note of it costs nothing. All of them throw `KeyStoreError`, and no error repeats a key.
 */
export interface KeyStore {
  /** All keys of this executor, by number. */
  list(holder: KeyHolder, options?: CallOptions): Promise<readonly StoredKey[]>;
  /** Makes the key of this id, or gives back the one that is there: of two writers one wins, and the other gets the winner's. */
  create(holder: KeyHolder, id: string, options?: CallOptions): Promise<ReadableKey>;
  /** The key file (docs/key-file.md). The caller wipes it. Throws `not_found`, `malformed`. */
  read(holder: KeyHolder, id: string, options?: CallOptions): Promise<Uint8Array>;
  /** Puts this key file there, or leaves the same key that is there. Throws `conflict` when another one is. */
  put(holder: KeyHolder, id: string, keyFile: Uint8Array, options?: CallOptions): Promise<void>;
  /** Changes what is remembered of it; nothing for a store that takes no notes, or a key that is gone. */
  note(holder: KeyHolder, id: string, note: KeyNote, options?: CallOptions): Promise<void>;
  /** The end of a key. Nothing when it is gone. A store that cannot retain destroys. */
  destroy(holder: KeyHolder, id: string, policy: DeletionPolicy, options?: CallOptions): Promise<void>;
}

export type KeyStoreErrorCode =
  /** The store does not answer, or not now. What runs goes on. */
  | 'unavailable'
  /** It did not answer in time. */
  | 'timeout'
  /** It is sealed: somebody has to unseal it. */
  | 'sealed'
  /** It refuses what was asked: its policy, or our proof, lacks something. */
  | 'forbidden'
  /** It takes no writes now: a standby, or storage that is full. */
  | 'read_only'
  /** Another key is there under this id. It is left alone. */
  | 'conflict'
  /** No key is there under this id. */
  | 'not_found'
  /** Something of that name is there and is not ours. It is left alone. */
  | 'not_owned'
  /** What is there cannot be read as a key. It is left alone: a human decides whether it is deleted. */
  | 'malformed';

export class KeyStoreError extends Error {
  override readonly name = 'KeyStoreError';
  readonly code: KeyStoreErrorCode;
  readonly step: string;

  constructor(code: KeyStoreErrorCode, step: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.step = step;
  }
}
