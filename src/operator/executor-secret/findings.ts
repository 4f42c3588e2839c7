import { REASONS, ROTATION_DUE, ROTATION_FAILED } from '../../api/index.ts';
import { hasRoom, isRotationWanted, type KeysRecord, type ObservedKeys } from '../../keys/index.ts';
import type { Finding } from '../conditions/conditions.ts';

/** What waits or fails about keys, while what runs goes on. */
export function rotationFindings(observed: ObservedKeys, now: number): Finding[] {
  const { record } = observed;
  return [...dueFinding(observed, now), ...failureFinding(record)];
}

function dueFinding(observed: ObservedKeys, now: number): Finding[] {
  const { record, store } = observed;
  const underWay = record.keys.find(({ state }) => state === 'Pending' || state === 'Prepared');
  const isFirst = !record.keys.some(({ state }) => state === 'Active' || state === 'Retiring');
  const due = (reason: Finding['reason'], message: string): Finding[] => {
    return [{ type: ROTATION_DUE, status: 'True', reason, message }];
  };
  if (underWay !== undefined && !isFirst) {
    if (underWay.state === 'Pending' && !store.reachable) return due(REASONS.KeyStoreUnavailable, store.message);
    return due(REASONS.RotationInProgress, `Key ${underWay.id} is being made, or no live socket serves it yet.`);
  }
  if (underWay !== undefined || !isRotationWanted(record, observed, now)) return [];
  if (!store.reachable) return due(REASONS.KeyStoreUnavailable, store.message);
  if (hasRoom(record)) return [];
  const next = record.keys.find(({ state }) => state === 'Retiring')?.retirementTime ?? 'later';
  return due(
    REASONS.OverlapFull,
    `Three keys are live: the rotation begins when the overlap of the oldest ends, at ${next}.`,
  );
}

function failureFinding({ failures }: KeysRecord): Finding[] {
  const [failure] = failures;
  if (failure === undefined) return [];
  const { dependency, message, sinceTime, retryTime, failures: times } = failure;
  const reason = dependency === 'Secret' ? REASONS.KeySecretUnavailable : REASONS.KeyStoreUnavailable;
  const text = `${message}. Since ${sinceTime}, ${times} times; tried again at ${retryTime}.`;
  return [{ type: ROTATION_FAILED, status: 'True', reason, message: text }];
}
