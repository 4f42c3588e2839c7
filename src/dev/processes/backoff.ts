/** Milliseconds. The first restart is at once for people; the last keeps a broken program from using up the machine. */
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 10_000;
/** A process that lived this long was well: its end is a new story. Milliseconds. */
const WELL_AFTER_MS = 30_000;

/** How long to wait before the restart after `failures` (at least one) ends in a row. */
export function restartPause(failures: number): number {
  return Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 16));
}

/** The ends in a row, this one included. */
export function failuresAfter(before: number, lived: number): number {
  return lived >= WELL_AFTER_MS ? 1 : before + 1;
}
