import { type BucketLimits, TokenBucket } from '../flow/token-bucket.ts';

/** An empty bucket is full again after burst / rate, well within this; then nothing has to be remembered of an identity that left. */
const BUCKET_MEMORY_MS = 6_000;

export interface VisitorLimits {
  /** Streams of an identity at one executor. */
  readonly perParty: number;
  /** Sockets of an identity here, whatever they lead to. */
  readonly perIdentity: number;
  readonly bytes: BucketLimits;
  readonly upgrades: BucketLimits;
}

interface Identity {
  readonly bytes: TokenBucket;
  readonly upgrades: TokenBucket;
  sockets: number;
  seenAt: number;
}

/**
 * Who is here, by identity (our-side.md §11). What concerns an executor (streams at it, bytes to it) is counted where the executor is; what
 * concerns this process (sockets, upgrades a second) is counted here, also for a harness that is passed on to another relay. So nothing
 * of it is limited twice.
 */
export class Visitors {
  readonly #limits: VisitorLimits;
  readonly #parties = new Map<string, number>();
  readonly #identities = new Map<string, Identity>();

  constructor(limits: VisitorLimits) {
    this.#limits = limits;
  }

  /** Room for one more stream of this identity at this executor. */
  hasRoom(party: string): boolean {
    return (this.#parties.get(party) ?? 0) < this.#limits.perParty;
  }

  /** Room for one more socket of this identity. */
  mayHold(identityHash: string): boolean {
    return (this.#identities.get(identityHash)?.sockets ?? 0) < this.#limits.perIdentity;
  }

  /** Counts an upgrade with a ticket of this identity; false when there were too many lately. */
  knock(identityHash: string, now: number): boolean {
    const identity = this.#identity(identityHash, now);
    identity.seenAt = now;
    return identity.upgrades.tryOne(now);
  }

  /** Whether `knock` would fail. Counts nothing. */
  knocksTooOften(identityHash: string, now: number): boolean {
    return this.#identities.get(identityHash)?.upgrades.isEmpty(now) ?? false;
  }

  /** A socket of this identity is here, at an executor of this relay. Returns the bytes that it may send. */
  enter(party: string, identityHash: string, now: number): TokenBucket {
    this.#parties.set(party, (this.#parties.get(party) ?? 0) + 1);
    this.pass(identityHash, now);
    return this.#identity(identityHash, now).bytes;
  }

  leave(party: string, identityHash: string, now: number): void {
    const left = (this.#parties.get(party) ?? 1) - 1;
    if (left === 0) this.#parties.delete(party);
    else this.#parties.set(party, left);
    this.passed(identityHash, now);
  }

  /** A socket of this identity is here on its way to another relay. */
  pass(identityHash: string, now: number): void {
    this.#identity(identityHash, now).sockets += 1;
  }

  /** It is no longer. */
  passed(identityHash: string, now: number): void {
    const identity = this.#identity(identityHash, now);
    identity.sockets -= 1;
    identity.seenAt = now;
  }

  /** An identity's buckets outlive its last socket for a while, or a redial would fill them. */
  sweep(now: number): void {
    for (const [hash, { sockets, seenAt }] of this.#identities) {
      if (sockets === 0 && now - seenAt >= BUCKET_MEMORY_MS) this.#identities.delete(hash);
    }
  }

  #identity(hash: string, now: number): Identity {
    let identity = this.#identities.get(hash);
    if (identity === undefined) {
      const { bytes, upgrades } = this.#limits;
      identity = {
        ...{ bytes: new TokenBucket(bytes, now), upgrades: new TokenBucket(upgrades, now) },
        ...{ sockets: 0, seenAt: now },
      };
      this.#identities.set(hash, identity);
    }
    return identity;
  }
}
