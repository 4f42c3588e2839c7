import { ANNOTATIONS } from '../api/index.ts';
import type { RevocationRequest, RotationRequest } from './machine/observed.ts';

/** Values that the command line writes begin so; people write times. */
const COMMAND_PREFIX = 'command/';

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
  const { [ANNOTATIONS.rotateRequestedAt]: value, [ANNOTATIONS.revokeRequestedKey]: keyId } = annotations;
  const requestedBy = annotations[ANNOTATIONS.requestedBy]?.slice(0, MAX_WORDS);
  const reason = annotations[ANNOTATIONS.requestReason]?.slice(0, MAX_WORDS);
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
