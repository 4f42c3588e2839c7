import { createHash } from 'node:crypto';
import { ANNOTATIONS, COMMAND_PREFIX, withoutControls } from '../api/index.ts';
import type { RevocationRequest, RotationRequest } from './machine/observed.ts';
import type { KeysRecord } from './machine/record.ts';

/** Longest words of people that are kept. */
const MAX_WORDS = 256;

export interface KeyRequests {
  readonly rotation: RotationRequest | undefined;
  readonly revocation: RevocationRequest | undefined;
}

/**
 * What annotations ask for. `proven`: whether the API server lets nobody write another name than his own as `requested-by`; otherwise the name is
 * recorded as what it is, a claim.
 */
export function requestsIn(annotations: Readonly<Record<string, string>>, proven: boolean): KeyRequests {
  const [value, keyId] = asked(annotations);
  const requestedBy = wordsIn(annotations[ANNOTATIONS.requestedBy]);
  const reason = wordsIn(annotations[ANNOTATIONS.requestReason]);
  const who = {
    ...(requestedBy !== undefined && { requestedBy }),
    ...(reason !== undefined && { reason }),
    proven: proven && requestedBy !== undefined,
  };
  return {
    rotation: value
      ? { value, trigger: value.startsWith(COMMAND_PREFIX) ? 'Command' : 'Annotation', ...who }
      : undefined,
    revocation: keyId ? { keyId, ...who } : undefined,
  };
}

/** Whether there is a name beside something that was not handled: only then does it matter whether it is proven. */
export function namesRequester(annotations: Readonly<Record<string, string>>, record: KeysRecord): boolean {
  const [value, keyId] = asked(annotations);
  if (!annotations[ANNOTATIONS.requestedBy]) return false;
  const isOpen = value !== undefined && !record.handledRequests.includes(value);
  return isOpen || record.keys.some(({ id, state }) => id === keyId && state !== 'Revoked');
}

function asked(annotations: Readonly<Record<string, string>>): (string | undefined)[] {
  return [ANNOTATIONS.rotateRequestedAt, ANNOTATIONS.revokeRequestedKey].map((name) => recordable(annotations[name]));
}

/** A value as it is remembered: an annotation may be longer than status has room for. */
function recordable(value: string | undefined): string | undefined {
  if (value === undefined || value.length <= MAX_WORDS) return value;
  return `sha256:${createHash('sha256').update(value).digest('hex')}`;
}

/** Words as they are kept: of a bounded length, and harmless, since status and events are printed as they are. Undefined for none. */
function wordsIn(text: string | undefined): string | undefined {
  return withoutControls(text?.slice(0, MAX_WORDS) ?? '', ' ').trim() || undefined;
}
