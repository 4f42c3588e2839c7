import type { Keypair, PublicKey } from '../../noise/index.ts';
import { type Fingerprint, fingerprintOf, type KeyId } from '../../wire/index.ts';

/**
 * A key of the folder. Streams that were opened under it go on when its file is gone, and need of it only what is public: they have keys of their own
 * by then. The private half is let go of at once.
 */
export class ExecutorKey {
  readonly id: KeyId;
  readonly fingerprint: Fingerprint;
  readonly publicKey: PublicKey;
  #keypair: Keypair | undefined;

  constructor(id: KeyId, keypair: Keypair) {
    this.id = id;
    this.publicKey = keypair.publicKey;
    this.fingerprint = fingerprintOf(keypair.publicKey);
    this.#keypair = keypair;
  }

  /** Undefined once it was let go. */
  get keypair(): Keypair | undefined {
    return this.#keypair;
  }

  /** The same key, loaded again. */
  renew({ keypair }: ExecutorKey): void {
    this.#keypair = keypair;
  }

  /** What is in memory until the last handshake is done with it and it was collected. */
  letGo(): readonly WeakRef<object>[] {
    const keypair = this.#keypair;
    this.#keypair = undefined;
    return keypair === undefined ? [] : [new WeakRef(keypair.x25519), new WeakRef(keypair.mlkem768)];
  }
}
