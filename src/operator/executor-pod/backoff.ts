/** The first replacement is made at once: a pod that ran well and lost its node is no broken pod. Milliseconds. */
const SECOND_PAUSE_MS = 10_000;
/** As the kubelet's own for containers. */
const MAX_PAUSE_MS = 300_000;
/** A pod that was there this long was well: its end is a new story. Milliseconds. */
const WELL_AFTER_MS = 600_000;

/** How long to wait before the next pod after `failures` (at least one) ends in a row. */
export function replacementPause(failures: number): number {
  if (failures <= 1) return 0;
  return Math.min(MAX_PAUSE_MS, SECOND_PAUSE_MS * 2 ** Math.min(failures - 2, 16));
}

/** The ends in a row, this one included. `lived` in milliseconds. */
export function failuresAfter(before: number, lived: number): number {
  return lived >= WELL_AFTER_MS ? 1 : before + 1;
}
