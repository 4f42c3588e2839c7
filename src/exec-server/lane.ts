/** Runs tasks one after the other, in the order they came. */
export class Lane {
  #last: Promise<unknown> = Promise.resolve();

  run<Value>(task: () => Promise<Value> | Value): Promise<Value> {
    const turn = this.#last.then(task);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
