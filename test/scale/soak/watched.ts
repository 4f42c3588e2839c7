import { residentMegabytes } from '../../../bench/product/service-process.ts';
import type { Part } from '../rig/part.ts';
import { growthMeasured, growthPerHour, medianOf, type Sample } from './growth.ts';

/** What is looked at, and how much of it may come in an hour. */
interface Figure {
  readonly name: string;
  readonly unit: string;
  /** In an hour. */
  readonly growth: number;
  /** In the time that was looked at: less cannot be told from breathing, so that a short run condemns nobody. */
  readonly least: number;
}

/**
 * Resident memory. A leak of 4 kB for each connection would be twice the bound at the rate of connections of a soak (some ten a second in the
 * waves of short sessions); a heap that has not been collected for a while is less than the least.
 */
const MEMORY: Figure = { name: 'memory', unit: 'MB', growth: 24, least: 12 };
/** Descriptors: sockets that nobody closes any more would be hundreds; the last wave of sessions may still be closing. */
const DESCRIPTORS: Figure = { name: 'descriptors', unit: '', growth: 20, least: 12 };
/** Delay of the event loop, 99th percentile, beyond that of a process that does nothing: what grows in it are tables that are walked. */
const DELAY: Figure = { name: 'event loop', unit: 'ms', growth: 20, least: 20 };

/**
 * The beginning is left out: an exec-server keeps the last MiB of each command in memory, and fills that first, then heaps and caches have
 * found their size. Milliseconds.
 */
const WARM_UP_MS = 600_000;
/** Fewer looks after it say nothing: five minutes of them. */
const LEAST_LOOKS = 60;

/** A process that lives through the whole soak, and what was seen of it. */
export class Watched {
  readonly part: Part;
  readonly #samples = new Map<Figure, Sample[]>([MEMORY, DESCRIPTORS, DELAY].map((figure) => [figure, []]));

  constructor(part: Part) {
    this.part = part;
  }

  /** `idleDelayMs`: of a process that does nothing, at the same time. */
  async look(idleDelayMs: number): Promise<void> {
    const at = Date.now();
    const { body } = await this.part.ask('/metrics');
    const delay = /^nodejs_eventloop_lag_p99_seconds (\S+)/m.exec(body)?.[1];
    this.#add(MEMORY, { at, value: residentMegabytes(this.part.pid) });
    this.#add(DESCRIPTORS, { at, value: this.part.descriptors() });
    if (delay !== undefined) this.#add(DELAY, { at, value: Math.max(0, Number(delay) * 1_000 - idleDelayMs) });
  }

  /** `relay-3 91 MB 44 fd 12 ms`: the last look. */
  line(): string {
    const last = (figure: Figure) => (this.#samples.get(figure)?.at(-1)?.value ?? 0).toFixed(0);
    return `${this.part.name} ${last(MEMORY)} MB ${last(DESCRIPTORS)} fd ${last(DELAY)} ms`;
  }

  /** One line a figure, and whether it is flat. */
  verdicts(): readonly { readonly line: string; readonly flat: boolean }[] {
    return [...this.#samples].map(([figure, all]) => {
      const { name, unit, growth, least } = figure;
      const samples = all.filter(({ at }) => at >= (all[0]?.at ?? 0) + WARM_UP_MS);
      const perHour = growthPerHour(samples);
      const grew = growthMeasured(samples);
      const flat = perHour <= growth || grew <= least;
      const middle = medianOf(samples.map(({ value }) => value));
      const told = `${middle.toFixed(1)} ${unit}, ${signed(perHour)} an hour (${signed(grew)} in ${samples.length} looks; at most ${growth} an hour)`;
      if (samples.length < LEAST_LOOKS)
        return { line: `not judged ${this.part.name} ${name}: too short a run`, flat: true };
      return { line: `${flat ? 'flat      ' : 'GROWS     '} ${this.part.name} ${name}: ${told}`, flat };
    });
  }

  #add(figure: Figure, sample: Sample): void {
    this.#samples.get(figure)?.push(sample);
  }
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(1)}`;
}
