import { createHash } from 'node:crypto';
import type { RotationPolicy } from './policy.ts';
import { openingAfter } from './windows.ts';

/**
 * How far before the end of a period executors are spread, as a part of it: executors that were made together would change their keys in one
 * moment for ever. Before, and not after: a key is never older than the period that somebody has promised, except to wait for a window.
 */
const SPREAD = 0.1;

/** The part of a window over which they are spread: who is last still has time to finish in it. */
const WINDOW_SPREAD = 0.8;

/** Windows that overlap are looked at one after the other; more than these within one period are a mistake. */
const MAX_OPENINGS = 1_000;

export interface Holder {
  readonly namespace: string;
  readonly name: string;
}

/** From 0 to 1, the same for one executor for ever: restarts and other leaders come to the same times. */
export function jitterOf({ namespace, name }: Holder): number {
  const digest = createHash('sha256')
    .update(JSON.stringify([namespace, name]))
    .digest();
  return digest.readUInt32BE(0) / 0x1_0000_0000;
}

/**
 * When a key made at `created` is followed by the next, in milliseconds: a little before its period ends and, with windows, in the first turn of
 * this executor then. Undefined when no window opens any more.
 */
export function rotationTime(created: number, policy: RotationPolicy, holder: Holder): number | undefined {
  const jitter = jitterOf(holder);
  return turnAfter(wholeSeconds(created + policy.period * (1 - SPREAD * jitter)), policy, jitter);
}

/**
 * Whether the rotation that was to be at `planned` is to be now. It may be late, after an outage: then it waits for its turn in a window, unless one
 * is open whose turn has passed.
 */
export function isTimely(planned: number, now: number, { windows }: RotationPolicy, holder: Holder): boolean {
  if (now < planned) return false;
  if (windows.length === 0) return true;
  const opening = openingAfter(windows, now);
  return opening !== undefined && turnIn(opening, jitterOf(holder)) <= now;
}

/** When it is to be, of the one that is late: now and then, it is its next turn. */
export function nextTurn(planned: number, now: number, policy: RotationPolicy, holder: Holder): number | undefined {
  return now < planned ? planned : turnAfter(now, policy, jitterOf(holder));
}

function turnAfter(from: number, { windows }: RotationPolicy, jitter: number): number | undefined {
  if (windows.length === 0) return from;
  let at = from;
  for (let left = MAX_OPENINGS; left > 0; left--) {
    const opening = openingAfter(windows, at);
    if (opening === undefined) return undefined;
    const turn = turnIn(opening, jitter);
    if (turn >= from) return turn;
    at = opening.end;
  }
  return undefined;
}

function turnIn({ start, end }: { readonly start: number; readonly end: number }, jitter: number): number {
  return wholeSeconds(start + (end - start) * WINDOW_SPREAD * jitter);
}

/** Down: what is stored (`metav1.Time`) has no more, and what is compared must be what is stored. */
function wholeSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000) * 1000;
}
