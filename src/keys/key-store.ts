/** One key as a store knows it: its name and what it is told from others by. The private half stays where it is. */
export interface StoredKey {
  /** `k1`, `k2`, … */
  readonly id: string;
  /** `SHA256:` and 43 characters of base64. */
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
 * Where private keys lie (`design.md` §4). Every call may be repeated: what is there is never overwritten, so that a crash between a call and
 * the note of it costs nothing.
 */
export interface KeyStore {
  /** All keys of this executor, by number. Throws `KeyStoreError`. */
  list(holder: KeyHolder, options?: CallOptions): Promise<readonly StoredKey[]>;
  /**
   * Makes the key of this id, or gives back the one that is there: of two writers one wins, and the other gets the winner's. Throws
   * `KeyStoreError`.
   */
  create(holder: KeyHolder, id: string, options?: CallOptions): Promise<StoredKey>;
}

export type KeyStoreErrorCode =
  /** The store does not answer, or not now. What runs goes on. */
  | 'unavailable'
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
