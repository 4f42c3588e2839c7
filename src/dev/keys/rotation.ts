import { REASONS } from '../../api/index.ts';

/** As everywhere in the product: more than three live keys are a queue, not an overlap. */
export const MAX_LIVE_KEYS = 3;
/** Values of the annotation that are remembered as done. */
const MAX_HANDLED = 10;

/** What is kept of one executor's rotations. Instants are milliseconds since the epoch and absolute, so restarts change nothing. */
export interface RotationState {
  /** The highest number ever used: a key id never comes back. */
  readonly highest: number;
  /** When the newest key was made. */
  readonly lastCreated: number;
  /** Annotation values that were acted on, newest first. */
  readonly handled: readonly string[];
  /** Old keys and when they leave. */
  readonly removals: readonly { readonly id: string; readonly at: number }[];
  /** A key that is being made: written down before its file, so that a crash between the two loses or doubles nothing. */
  readonly creating?: string;
}

export const NEW_ROTATION_STATE: RotationState = { highest: 0, lastCreated: 0, handled: [], removals: [] };

export interface RotationInput {
  readonly state: RotationState;
  /** Key ids whose files are in the folder, readable or not: these names are taken. */
  readonly named: readonly string[];
  /** Those of them that hold a key. */
  readonly present: readonly string[];
  readonly requested?: string;
  readonly period: number;
  readonly overlap: number;
  readonly now: number;
}

export interface RotationDecision {
  /** To be written before `create` is carried out. */
  readonly state: RotationState;
  readonly create?: { readonly id: string; readonly trigger: 'First' | 'Annotation' | 'Schedule' };
  readonly remove: readonly string[];
  /** A rotation is due and cannot start yet. */
  readonly waiting?: typeof REASONS.OverlapFull;
}

/** What to do about an executor's keys now. Pure: the same input always gives the same answer. */
export function decideRotation(input: RotationInput): RotationDecision {
  const { state, named, present, overlap, now } = input;
  const observed = { ...state, highest: Math.max(state.highest, ...named.map(numberOf)) };
  if (observed.creating !== undefined) return finishCreation(observed, observed.creating, named);

  const { remaining, remove } = dueRemovals(observed, present, now);
  const settled = { ...observed, removals: observed.removals.filter(({ id }) => remaining.includes(id)) };
  const trigger = triggerOf(input, remaining);
  if (trigger === undefined) return { state: settled, remove };
  if (remaining.length >= MAX_LIVE_KEYS) return { state: settled, remove, waiting: REASONS.OverlapFull };

  const id = `k${settled.highest + 1}`;
  const leaving = remaining.filter((each) => settled.removals.every((removal) => removal.id !== each));
  return {
    state: {
      highest: settled.highest + 1,
      lastCreated: now,
      handled: handledWith(settled.handled, input.requested),
      removals: [...settled.removals, ...leaving.map((each) => ({ id: each, at: now + overlap }))],
      creating: id,
    },
    create: { id, trigger },
    remove,
  };
}

/** After a crash between the two writes: make the file if it is missing, else only say that it is done. */
function finishCreation(state: RotationState, id: string, named: readonly string[]): RotationDecision {
  if (!named.includes(id)) return { state, create: { id, trigger: 'Schedule' }, remove: [] };
  return { state: creationDone(state), remove: [] };
}

export function creationDone(state: RotationState): RotationState {
  const { creating: _made, ...rest } = state;
  return rest;
}

/** Old keys whose time is over, never the newest one: an executor without a key serves nobody. */
function dueRemovals({ removals }: RotationState, present: readonly string[], now: number) {
  const newest = [...present].sort(byNumber).at(-1);
  const remove = removals
    .filter(({ id, at }) => at <= now && present.includes(id) && id !== newest)
    .map(({ id }) => id);
  return { remove, remaining: present.filter((id) => !remove.includes(id)) };
}

function triggerOf({ state, requested, period, now }: RotationInput, live: readonly string[]) {
  if (live.length === 0) return 'First';
  if (requested !== undefined && !state.handled.includes(requested)) return 'Annotation';
  // A key file that somebody put there himself has no recorded time: the schedule begins with the first key that we make.
  return state.lastCreated > 0 && now >= state.lastCreated + period ? 'Schedule' : undefined;
}

function handledWith(handled: readonly string[], requested: string | undefined): readonly string[] {
  if (requested === undefined || handled.includes(requested)) return handled;
  return [requested, ...handled].slice(0, MAX_HANDLED);
}

/** `k12` → 12 */
function numberOf(id: string): number {
  return Number(id.slice(1));
}

export function byNumber(a: string, b: string): number {
  return numberOf(a) - numberOf(b);
}
