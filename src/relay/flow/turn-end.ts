interface Flushable {
  flush(): void;
}

/**
 * Runs the flush of each enlisted outlet once, after the event loop has read every socket that was readable: the frames of many reads
 * leave in one write per destination.
 */
export class TurnEnd {
  #enlisted: Flushable[] = [];
  readonly #run = (): void => {
    const batch = this.#enlisted;
    this.#enlisted = [];
    for (const outlet of batch) outlet.flush();
  };

  enlist(outlet: Flushable): void {
    if (this.#enlisted.length === 0) setImmediate(this.#run);
    this.#enlisted.push(outlet);
  }
}
