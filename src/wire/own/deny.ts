import { z } from 'zod';
import {
  environmentIdField,
  fingerprintField,
  incarnationField,
  registrationIdField,
  secondsField,
  shortText,
} from './fields.ts';

/** Most grants that one deny may spare. A larger set is sent as one deny per grant that ended. */
const MAX_GRANTS = 256;

/** What a deny hits. `identityHash` with `grant` hits only what that grant allowed; without, all of that identity. */
const match = z.union([
  z.strictObject({ registrationId: registrationIdField }),
  z.strictObject({ incarnation: incarnationField }),
  z.strictObject({ fingerprint: fingerprintField }),
  z.strictObject({ identityHash: shortText, grant: shortText.optional() }),
  z.strictObject({ grant: shortText }),
]);

/**
 * A standing refusal that registries push to relays and sidecars (our-side §7–9). It holds in one environment, from `since` until
 * `until`, in seconds since the epoch; after that whatever it refused has expired anyhow.
 */
export const denySchema = z.object({
  id: shortText,
  environmentId: environmentIdField,
  match,
  reason: z.enum(['revoked', 'superseded', 'grant_ended', 'key_retired']),
  since: secondsField,
  until: secondsField,
});

export type Deny = z.infer<typeof denySchema>;
export type DenyMatch = z.infer<typeof match>;
export type DenyReason = Deny['reason'];

/** Denies in one message: all that stand. Each lives at most as long as a ticket. */
export const denyList = z.array(denySchema).max(MAX_GRANTS * 64);
