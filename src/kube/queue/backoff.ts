/** The first pause after a failure; doubled with each. Milliseconds. */
const FIRST_PAUSE_MS = 250;
/** The longest pause, before it is stretched. Two minutes: what is mended by hand is noticed soon enough, and 2,000 failing objects cost 17 calls a second. */
const MAX_PAUSE_MS = 120_000;

/**
 * Milliseconds until the next attempt after so many failures in a row (1, 2, …): doubled each time, capped, and stretched by up to a
 * half, so that what failed together does not come back together.
 */
export function backoff(
  failures: number,
  random: () => number,
  { firstMs = FIRST_PAUSE_MS, maxMs = MAX_PAUSE_MS }: { readonly firstMs?: number; readonly maxMs?: number } = {},
): number {
  // 2 ** 1024 is Infinity, which `min` caps as well.
  return Math.min(maxMs, firstMs * 2 ** Math.max(0, failures - 1)) * (1 + random() / 2);
}
