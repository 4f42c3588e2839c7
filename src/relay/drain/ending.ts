import { Drain, type DrainOptions } from './drain.ts';

export interface EndingOptions extends DrainOptions {
  /** Tells the registries that nobody is to be sent here any more. */
  readonly announce: () => void;
}

/** A drain that was begun. */
export interface DrainProgress {
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Streams that were here then. */
  readonly streams: number;
  /** True when nobody is left, or the time is over. */
  readonly ended: boolean;
}

/** The drain of a relay, whoever asks for it and how often: SIGTERM, or somebody at the control socket. There is one in a life. */
export class Ending {
  readonly #options: EndingOptions;
  #running: Promise<void> | undefined;
  #progress: DrainProgress | undefined;

  constructor(options: EndingOptions) {
    this.#options = options;
  }

  /** Undefined before it began. */
  get progress(): DrainProgress | undefined {
    return this.#progress;
  }

  /** Begins it, unless it has begun; resolves when it has ended. Then nobody is taken any more, and who is still here stays. */
  drain(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<void> {
    const { door, rendezvous, clock, announce } = this.#options;
    const progress = { startedAt: clock.now(), streams: rendezvous.levels().streams };
    this.#progress = { ...progress, ended: false };
    door.drain();
    announce();
    await new Drain(this.#options).run();
    door.shut();
    this.#progress = { ...progress, ended: true };
  }
}
