import {
  type ConditionType,
  OVERLAP_FULL,
  REASONS,
  type Reason,
  ROTATION_DUE,
  ROTATION_FAILED,
} from '../../api/index.ts';
import { leftAlone } from '../machine/drift.ts';
import { hasRoom } from '../machine/next-record.ts';
import type { ObservedKeys } from '../machine/observed.ts';
import { isRotationWanted } from '../machine/triggers.ts';
import { windowProblem } from '../schedule/windows.ts';

/** A condition that holds, as status has it but for its times. */
export interface KeyFinding {
  readonly type: ConditionType;
  readonly status: 'True';
  readonly reason: Reason;
  /** For people: why, and what mends it. */
  readonly message: string;
}

/** What waits or fails about keys, while what runs goes on. */
export function rotationFindings(observed: ObservedKeys, now: number): KeyFinding[] {
  return [...dueFindings(observed, now), ...failureFinding(observed)];
}

/** Of `KeysReady`: also what is in the store that nobody recorded. It is kept, and people may want to know why it is there. */
export function keysMessage({ record, store }: ObservedKeys): string {
  const ready = 'A key is in the Secret.';
  const unknown = leftAlone(record, store);
  if (unknown.length === 0) return ready;
  return `${ready} The key store has ${unknown.join(', ')} too, of which nothing is recorded: left alone. If nobody needs it, delete it there.`;
}

function dueFindings(observed: ObservedKeys, now: number): KeyFinding[] {
  const { record } = observed;
  const underWay = record.keys.find(({ state }) => state === 'Pending' || state === 'Prepared');
  const isFirst = !record.keys.some(({ state }) => state === 'Active' || state === 'Retiring');
  if (underWay !== undefined) {
    if (isFirst) return [];
    if (underWay.state === 'Pending' && !observed.store.reachable) return [due(...awayOf(observed))];
    return [due(REASONS.RotationInProgress, `Key ${underWay.id} is being made, or no live socket serves it yet.`)];
  }
  if (!isRotationWanted(record, observed, now)) return [];
  if (!observed.store.reachable) return [due(...awayOf(observed))];
  if (hasRoom(record)) return [];
  const next = record.keys.find(({ state }) => state === 'Retiring')?.retirementTime ?? 'later';
  const message = `Three keys are live: the rotation begins when the overlap of the oldest ends, at ${next}. Shorten spec.keys.rotation.overlap if that is too late.`;
  return [
    due(REASONS.OverlapFull, message),
    { type: OVERLAP_FULL, status: 'True', reason: REASONS.OverlapFull, message },
  ];
}

function due(reason: KeyFinding['reason'], message: string): KeyFinding {
  return { type: ROTATION_DUE, status: 'True', reason, message };
}

/** What is wrong with the store, and since when something that needs it waits. */
function awayOf({ record, store }: ObservedKeys): [KeyFinding['reason'], string] {
  const message = store.reachable ? '' : store.message;
  const since = record.failures.find(({ dependency }) => dependency === 'Store')?.sinceTime;
  return [REASONS.KeyStoreUnavailable, since === undefined ? message : `${message}. Since ${since}.`];
}

/** What fails comes before what is only written wrongly: a condition has one reason. */
function failureFinding({ record, policy }: ObservedKeys): KeyFinding[] {
  const failed = (reason: KeyFinding['reason'], message: string): KeyFinding[] => {
    return [{ type: ROTATION_FAILED, status: 'True', reason, message }];
  };
  const [failure] = record.failures;
  if (failure !== undefined) {
    const { dependency, message, sinceTime, retryTime, failures: times } = failure;
    const reason = dependency === 'Secret' ? REASONS.KeySecretUnavailable : REASONS.KeyStoreUnavailable;
    return failed(reason, `${message}. Since ${sinceTime}, ${times} times; tried again at ${retryTime}.`);
  }
  const problems = policy.windows.flatMap((window, index) => {
    const problem = windowProblem(window);
    return problem === undefined ? [] : [`spec.keys.rotation.windows[${index}]: ${problem}. It never opens.`];
  });
  return problems.length === 0 ? [] : failed(REASONS.InvalidSpec, problems.join(' '));
}
