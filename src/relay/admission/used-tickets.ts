/** The `jti`s of harness tickets that opened a socket here. Only the ticket's target consumes it, so this needs no sharing. */
export class UsedTickets {
  readonly #until = new Map<string, number>();

  /** False when it was consumed before. Remembered until the ticket's own expiry (seconds). */
  consume(jti: string, expiresAt: number): boolean {
    if (this.#until.has(jti)) return false;
    this.#until.set(jti, expiresAt);
    return true;
  }

  has(jti: string): boolean {
    return this.#until.has(jti);
  }

  /** `marginSeconds` is the clock tolerance of the verifier: a ticket may pass that long after its expiry. */
  sweep(nowSeconds: number, marginSeconds: number): void {
    for (const [jti, until] of this.#until) if (until + marginSeconds < nowSeconds) this.#until.delete(jti);
  }
}
