import { createHash } from 'node:crypto';
import { parseFingerprint, parseKeyHash, parseKeyId, parseRegistrationId } from '../../wire/index.ts';
import type { Session } from '../sessions/session-table.ts';

const hash = (what: string, n: number) =>
  `SHA256:${createHash('sha256').update(`${what} ${n}`).digest('base64').replaceAll('=', '')}`;

export const harnessKey = (n: number) => parseKeyHash(hash('harness', n));
export const fingerprint = (n: number) => parseFingerprint(hash('executor', n));

type Plain = Omit<Session, 'registrationId' | 'keyId'> & { registrationId: string; keyId: string };

/** A session as the table holds it; a test names only what it is about. */
export function aSession(parts: Partial<Plain> = {}): Session {
  const { registrationId = 'registration-1', keyId = 'k1', ...rest } = parts;
  return {
    sessionId: 'session-1',
    harness: harnessKey(1),
    fingerprint: fingerprint(1),
    identity: 'dev:local',
    identityHash: 'hash-of-dev-local',
    grant: 'default/dev',
    audit: 'audit-1',
    validatedTime: 0,
    processIds: [],
    ...rest,
    registrationId: parseRegistrationId(registrationId),
    keyId: parseKeyId(keyId),
  };
}
