import { setTimeout as pause } from 'node:timers/promises';

/** Between two looks. Milliseconds. */
const LOOK_MS = 20;

/** Waits until `look` gives something; a test's own time limit bounds it. For the world outside, which tells nobody when it changes. */
export async function eventually<Result>(
  look: () => Result | undefined | Promise<Result | undefined>,
): Promise<Result> {
  for (;;) {
    const result = await look();
    if (result !== undefined) return result;
    await pause(LOOK_MS);
  }
}
