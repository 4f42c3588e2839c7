import { z } from 'zod';
import { environmentIdField, shortText } from './fields.ts';

/** Clients of one relay, or sessions of one executor, that are told at once: more than either is sized for. */
const MAX_ENTRIES = 20_000;

/** Who was let in, and by which grant, as tickets name them. */
const accessSchema = z.object({
  environmentId: environmentIdField,
  identityHash: shortText,
  grant: shortText,
});
export type Access = z.infer<typeof accessSchema>;

/**
 * Everybody who is in now; said at the beginning, in as many messages as it takes. A registry that was away when a grant ended learns from it whom to put out
 * (our-side §8).
 */
export const accessMessage = z.object({ type: z.literal('access'), entries: z.array(accessSchema).max(MAX_ENTRIES) });

/** Each of them once. */
export function distinctAccess(entries: Iterable<Access>): Access[] {
  const found = new Map<string, Access>();
  for (const { environmentId, identityHash, grant } of entries) {
    found.set(JSON.stringify([environmentId, identityHash, grant]), { environmentId, identityHash, grant });
  }
  return [...found.values()].slice(0, MAX_ENTRIES);
}
