import type { Writable } from 'node:stream';

/**
 * What is written in one turn of the event loop leaves in one system call at its end: each call may wake the relay, which costs more than what it
 * carries.
 */
export class TurnCork {
  readonly #socket: Writable;
  #corked = false;
  readonly #uncork = (): void => {
    this.#corked = false;
    this.#socket.uncork();
  };

  constructor(socket: Writable) {
    this.#socket = socket;
  }

  /** To be called before a write. */
  cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    setImmediate(this.#uncork);
  }
}
