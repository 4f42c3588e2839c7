import {
  ABANDONED_HANDSHAKE_MS,
  FAILED_HANDSHAKE_WINDOW_MS,
  HANDSHAKE_ANSWER_MS,
  HANDSHAKE_PENALTY_MS,
  MAX_FAILED_HANDSHAKES,
  MAX_UNANSWERED_HANDSHAKES,
} from './limits.ts';

/** One handshake of one identity on its way through an executor. */
export interface Attempt {
  readonly party: string;
  state: 'waiting' | 'unanswered' | 'abandoned' | 'over';
  /** When it stops to hold a place by itself (ms). */
  placeUntil: number;
  readonly asks: HandshakeAsk;
}

export interface HandshakeAsk {
  /** There is a place: forward it. Called at once, from within `begin`, or when another attempt ends. */
  readonly proceed: () => void;
  /** The party is under a penalty: there will be no place. */
  readonly refuse: () => void;
}

interface Party {
  /** Waiting ones in order of arrival. */
  readonly waiting: Attempt[];
  /** Those that hold a place, or held one and may still turn out to have failed. */
  readonly pending: Set<Attempt>;
  failures: number[];
  penaltyUntil: number;
}

/**
 * Handshakes per identity and executor (our-side.md §11). A real executor stops all new handshakes for 10 s after eight failed ones,
 * so what one identity can fail there is bounded here: three unanswered at a time (a fourth waits for a place), and after three
 * failed in a minute none for a minute.
 *
 * An executor's reset before its answer is a failure. A harness that leaves before the answer neither failed nor succeeded yet: it holds
 * its place for `ABANDONED_HANDSHAKE_MS` more, and a reset that still comes for it counts. What an executor never answers counts as neither.
 */
export class HandshakeGate {
  readonly #parties = new Map<string, Party>();

  /** When the party's penalty ends (ms); 0 for none. */
  penaltyUntil(party: string, now: number): number {
    const until = this.#parties.get(party)?.penaltyUntil ?? 0;
    return until > now ? until : 0;
  }

  /** Asks for a place. */
  begin(party: string, asks: HandshakeAsk, now: number): Attempt {
    const counters = this.#party(party);
    const attempt: Attempt = { party, state: 'waiting', placeUntil: 0, asks };
    counters.waiting.push(attempt);
    this.#release(counters, now);
    return attempt;
  }

  /** The executor answered, or the attempt ended by nobody's fault. */
  answered(attempt: Attempt, now: number): void {
    this.#end(attempt, now);
  }

  /** Returns when the penalty ends if this failure brought one, else 0. */
  failed(attempt: Attempt, now: number): number {
    if (attempt.state === 'over') return 0;
    const counters = this.#party(attempt.party);
    counters.failures = counters.failures.filter((at) => now - at < FAILED_HANDSHAKE_WINDOW_MS);
    counters.failures.push(now);
    let brought = 0;
    if (counters.failures.length >= MAX_FAILED_HANDSHAKES) {
      counters.failures = [];
      brought = now + HANDSHAKE_PENALTY_MS;
      counters.penaltyUntil = brought;
    }
    this.#end(attempt, now);
    return brought;
  }

  /** The harness left before the answer. */
  abandoned(attempt: Attempt, now: number): void {
    if (attempt.state === 'waiting') this.#end(attempt, now);
    if (attempt.state !== 'unanswered') return;
    attempt.state = 'abandoned';
    attempt.placeUntil = Math.min(attempt.placeUntil, now + ABANDONED_HANDSHAKE_MS);
  }

  /** Frees what time has freed. To be called about every second. */
  sweep(now: number): void {
    for (const [name, counters] of this.#parties) {
      for (const attempt of counters.pending) {
        if (attempt.placeUntil + HANDSHAKE_ANSWER_MS <= now) this.#end(attempt, now);
      }
      this.#release(counters, now);
      const failedLately = counters.failures.some((at) => now - at < FAILED_HANDSHAKE_WINDOW_MS);
      const busy = counters.waiting.length + counters.pending.size > 0;
      if (!busy && !failedLately && counters.penaltyUntil <= now) this.#parties.delete(name);
    }
  }

  #end(attempt: Attempt, now: number): void {
    if (attempt.state === 'over') return;
    attempt.state = 'over';
    const counters = this.#party(attempt.party);
    counters.pending.delete(attempt);
    const at = counters.waiting.indexOf(attempt);
    if (at >= 0) counters.waiting.splice(at, 1);
    this.#release(counters, now);
  }

  #release(counters: Party, now: number): void {
    if (counters.penaltyUntil > now) {
      for (const attempt of counters.waiting.splice(0)) {
        attempt.state = 'over';
        attempt.asks.refuse();
      }
      return;
    }
    let places = MAX_UNANSWERED_HANDSHAKES;
    for (const attempt of counters.pending) if (attempt.placeUntil > now) places -= 1;
    while (places > 0) {
      const next = counters.waiting.shift();
      if (next === undefined) return;
      next.state = 'unanswered';
      next.placeUntil = now + HANDSHAKE_ANSWER_MS;
      counters.pending.add(next);
      places -= 1;
      next.asks.proceed();
    }
  }

  #party(name: string): Party {
    let counters = this.#parties.get(name);
    if (counters === undefined) {
      counters = { waiting: [], pending: new Set(), failures: [], penaltyUntil: 0 };
      this.#parties.set(name, counters);
    }
    return counters;
  }
}
