import { setTimeout as pause } from 'node:timers/promises';

/** A look at a cluster costs something on a machine that does other things as well. Milliseconds. */
const BETWEEN_LOOKS_MS = 500;

/**
 * Looks again until it is as it should be: for what no watch tells.
 *
 * @throws with what was seen last
 */
export async function until<Seen>(
  look: () => Promise<Seen>,
  good: (seen: Seen) => boolean,
  patienceMs = 60_000,
): Promise<Seen> {
  const end = performance.now() + patienceMs;
  for (;;) {
    const current = await look();
    if (good(current)) return current;
    if (performance.now() > end) throw new Error(`waited in vain, last seen: ${JSON.stringify(current)}`);
    await pause(BETWEEN_LOOKS_MS);
  }
}
