import type { Clock } from '../telemetry/index.ts';

/** Tells of a subject at once, and of what changes in it soon after together: at most once in a span, and at last what is newest. */
export class Pacer<Subject extends object> {
  readonly #clock: Clock;
  readonly #spanMs: number;
  readonly #tell: (subject: Subject) => void;
  readonly #toldAt = new WeakMap<Subject, number>();
  readonly #due = new Set<Subject>();

  constructor(clock: Clock, spanMs: number, tell: (subject: Subject) => void) {
    this.#clock = clock;
    this.#spanMs = spanMs;
    this.#tell = tell;
  }

  changed(subject: Subject): void {
    if (this.#due.has(subject)) return;
    const waitMs = (this.#toldAt.get(subject) ?? Number.NEGATIVE_INFINITY) + this.#spanMs - this.#clock.now();
    if (waitMs <= 0) {
      this.#now(subject);
      return;
    }
    this.#due.add(subject);
    this.#clock.after(waitMs, () => {
      this.#due.delete(subject);
      this.#now(subject);
    });
  }

  #now(subject: Subject): void {
    this.#toldAt.set(subject, this.#clock.now());
    this.#tell(subject);
  }
}
