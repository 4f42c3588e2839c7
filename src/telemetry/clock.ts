/**
 * Time as a process sees it, passed to everything that decides by time so that tests can own it.
 * All instants are milliseconds since the Unix epoch, all spans are milliseconds.
 */
export interface Clock {
  now(): number;
  /** Calls `run` once after `milliseconds`; longer than `MAX_TIMER_MS` is refused. Does not keep the process alive. */
  after(milliseconds: number, run: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

/**
 * One hour. Longer waits are re-armed from stored absolute times: `setTimeout` overflows at 24.8 days and then fires at once,
 * which would turn a 90-day schedule into a loop.
 */
const MAX_TIMER_MS = 3_600_000;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, run) {
    if (milliseconds > MAX_TIMER_MS) throw new RangeError(`a timer of ${milliseconds} ms is longer than an hour`);
    const handle = setTimeout(run, Math.max(0, milliseconds));
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};
