/** How often a condition outside this process is looked at. */
const POLL_MS = 50;

/** Longest wait for anything outside this process; a machine may be busy with other work. */
const PATIENCE_MS = 60_000;

/** Waits until `holds` is true of the outside world, which sends no events; an error thrown by it ends the wait. */
export async function waitFor(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > giveUpAt) throw new Error(`waited ${PATIENCE_MS / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
