import { z } from 'zod';
import { byNumber, type KeyRecord, type KeysRecord, NEW_KEYS_RECORD, type StoredKey } from '../../keys/index.ts';
import { secondTime } from '../../kube/index.ts';

const keyId = z.string().regex(/^k[1-9][0-9]{0,8}$/);

/** `rotation.json` of the release before. Times are milliseconds since the epoch. */
const rotationFile = z.object({
  version: z.literal(1),
  /** The highest number ever used. */
  highest: z.int().min(0).max(999_999_999),
  /** When the newest key was made; 0 for never. */
  lastCreated: z.number(),
  handled: z.array(z.string()).max(10),
  /** Old keys and when they leave. */
  removals: z.array(z.object({ id: keyId, at: z.number() })),
  /** A key that was being made: its file may be there or not. */
  creating: keyId.optional(),
});

/**
 * What the release before knew of keys, in today's words: its newest key served, the others were accepted until their time. Throws what zod throws.
 */
export function recordOfFormerState(json: unknown, stored: readonly StoredKey[], now: number): KeysRecord {
  const { highest, lastCreated, handled, removals, creating } = rotationFile.parse(json);
  const time = secondTime(lastCreated || now);
  const base = { trigger: 'Initial', reason: 'taken over from the release before', creationTime: time } as const;
  const found = stored.filter(({ fingerprint }) => fingerprint !== undefined);
  const keys = found.map(({ id, fingerprint }, index): KeyRecord => {
    const known = { id, fingerprint, ...base, preparationTime: time };
    if (index === found.length - 1) return { ...known, state: 'Active', activationTime: time };
    const end = removals.find((removal) => removal.id === id)?.at;
    return { ...known, state: 'Retiring', ...(end !== undefined && { retirementTime: secondTime(end) }) };
  });
  const isNamed = (id: string) => stored.some((key) => key.id === id);
  if (creating !== undefined && !isNamed(creating)) keys.push({ id: creating, ...base, state: 'Pending' });
  // A number is never given out again, also when its file was taken away.
  const last = `k${highest}`;
  const isUsedUp = highest > 0 && last !== creating && !isNamed(last);
  if (isUsedUp) keys.push({ id: last, ...base, state: 'Destroyed', destructionTime: time });
  return { ...NEW_KEYS_RECORD, keys: keys.toSorted(byNumber), handledRequests: handled };
}
