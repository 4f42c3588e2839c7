import { type Clock, pause } from '../../telemetry/index.ts';
import type { Rendezvous } from '../rendezvous.ts';

/** Closing spreads over this much of the whole time, so that thousands of clients do not redial in one instant. */
const PACED_PART = 0.5;
const STEP_MS = 50;

/**
 * Ends every socket within `milliseconds`: the executors, whose harnesses follow, and those that are passed on, a share in each step; what is
 * left at the end is cut. A relay that holds only a few sockets is done at once.
 */
export async function closePaced(rendezvous: Rendezvous, clock: Clock, milliseconds: number): Promise<void> {
  const start = clock.now();
  const steps = Math.max(1, Math.floor((milliseconds * PACED_PART) / STEP_MS));
  const perStep = Math.max(32, Math.ceil(rendezvous.socketCount / steps));
  while (endSome(rendezvous, perStep) > 0) await pause(STEP_MS, clock);
  while (rendezvous.socketCount > 0 && clock.now() - start < milliseconds) await pause(STEP_MS, clock);
  for (const executor of rendezvous.executors) executor.terminate('relay_closes');
  for (const harness of rendezvous.harnesses) harness.terminate('relay_closes');
  for (const splice of rendezvous.splices) splice.end();
}

/** Returns how many sockets were told to go. */
function endSome({ executors, splices }: Rendezvous, atMost: number): number {
  let ended = 0;
  for (const executor of executors) {
    if (ended >= atMost) return ended;
    if (!executor.open) continue;
    ended += 1 + executor.harnessCount;
    executor.close('relay_closes');
  }
  for (const splice of splices) {
    if (ended >= atMost) return ended;
    ended += 2;
    splice.end();
  }
  return ended;
}
