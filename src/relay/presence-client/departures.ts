import type { RegistrationId } from '../../wire/index.ts';

/** A registry that has not acknowledged by now is of a release that does not: nobody waits for it any more. */
const FORGET_MS = 10_000;

interface Departure {
  readonly at: number;
  /** The connections to registries that may still send harnesses here, and how many words each owes: it may have left more than once. */
  readonly owed: Map<object, number>;
}

/** Registrations that are here no more, and who has yet to acknowledge it (our-side.md §5). Times in milliseconds. */
export class Departures {
  readonly #open = new Map<RegistrationId, Departure>();

  /** These registries were told. */
  left(registrationId: RegistrationId, told: Iterable<object>, now: number): void {
    for (const [id, { at }] of this.#open) {
      if (now - at < FORGET_MS) break;
      this.#open.delete(id);
    }
    const owed = new Map(this.#open.get(registrationId)?.owed);
    for (const connection of told) owed.set(connection, (owed.get(connection) ?? 0) + 1);
    this.#open.delete(registrationId);
    this.#open.set(registrationId, { at: now, owed });
  }

  /** True when every registry knows it now. */
  acknowledged(registrationId: RegistrationId, by: object): boolean {
    const owed = this.#open.get(registrationId)?.owed;
    const words = owed?.get(by);
    if (owed === undefined || words === undefined) return false;
    if (words > 1) owed.set(by, words - 1);
    else owed.delete(by);
    return owed.size === 0 && this.#open.delete(registrationId);
  }

  /** That registry will not say it any more, and may not have heard it. */
  lost(connection: object): void {
    for (const [id, { owed }] of this.#open) if (owed.has(connection)) this.#open.delete(id);
  }
}
