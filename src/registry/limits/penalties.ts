import type { EnvironmentId } from '../../wire/index.ts';

/**
 * The longest penalty that one word of a relay can impose. A relay is trusted less than a registry: it may cut and delay,
 * so what it says is bounded here and ends by itself.
 */
const MAX_PENALTY_SECONDS = 300;
/** Penalties that stand at a time: more than the clients of any fleet. Above, no further one is taken; relays enforce theirs themselves. */
const MAX_STANDING = 20_000;

/** Identities that relays saw misbehave at one environment (`our-side.md` §11). All times are seconds since the epoch. */
export class Penalties {
  readonly #until = new Map<string, number>();

  impose(identityHash: string, environmentId: EnvironmentId, until: number, now: number): void {
    this.#prune(now);
    const key = keyOf(identityHash, environmentId);
    const bounded = Math.min(until, now + MAX_PENALTY_SECONDS);
    if (!this.#until.has(key) && this.#until.size >= MAX_STANDING) return;
    if (bounded > (this.#until.get(key) ?? now)) this.#until.set(key, bounded);
  }

  /** Seconds left, or undefined when this identity may go on. */
  left(identityHash: string, environmentId: EnvironmentId, now: number): number | undefined {
    const until = this.#until.get(keyOf(identityHash, environmentId));
    return until !== undefined && until > now ? until - now : undefined;
  }

  get size(): number {
    return this.#until.size;
  }

  #prune(now: number): void {
    for (const [key, until] of this.#until) if (until <= now) this.#until.delete(key);
  }
}

function keyOf(identityHash: string, environmentId: EnvironmentId): string {
  return `${environmentId} ${identityHash}`;
}
