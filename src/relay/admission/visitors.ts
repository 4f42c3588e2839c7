import { type BucketLimits, TokenBucket } from '../flow/token-bucket.ts';

/** An empty bucket is full again after burst / rate, well within this; then nothing has to be remembered of an identity that left. */
const BUCKET_MEMORY_MS = 5_000;

interface Identity {
  readonly bucket: TokenBucket;
  sockets: number;
  leftAt: number;
}

/** Who is here: harness sockets per identity and executor, and the bytes per second of each identity (our-side.md §11). */
export class Visitors {
  readonly #limits: BucketLimits & { readonly perParty: number };
  readonly #parties = new Map<string, number>();
  readonly #identities = new Map<string, Identity>();

  constructor(limits: BucketLimits & { readonly perParty: number }) {
    this.#limits = limits;
  }

  hasRoom(party: string): boolean {
    return (this.#parties.get(party) ?? 0) < this.#limits.perParty;
  }

  enter(party: string, identityHash: string, now: number): TokenBucket {
    this.#parties.set(party, (this.#parties.get(party) ?? 0) + 1);
    const identity = this.#identities.get(identityHash) ?? {
      bucket: new TokenBucket(this.#limits, now),
      sockets: 0,
      leftAt: 0,
    };
    identity.sockets += 1;
    this.#identities.set(identityHash, identity);
    return identity.bucket;
  }

  leave(party: string, identityHash: string, now: number): void {
    const left = (this.#parties.get(party) ?? 1) - 1;
    if (left === 0) this.#parties.delete(party);
    else this.#parties.set(party, left);
    const identity = this.#identities.get(identityHash);
    if (identity === undefined) return;
    identity.sockets -= 1;
    identity.leftAt = now;
  }

  /** An identity's bucket outlives its last socket for a while, or a redial would fill it. */
  sweep(now: number): void {
    for (const [hash, { sockets, leftAt }] of this.#identities) {
      if (sockets === 0 && now - leftAt >= BUCKET_MEMORY_MS) this.#identities.delete(hash);
    }
  }
}
