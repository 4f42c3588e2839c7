import { z } from 'zod';
import {
  type BootId,
  type EnvironmentId,
  type Fingerprint,
  type Incarnation,
  isBootId,
  isEnvironmentId,
  isFingerprint,
  isIncarnation,
  isKeyHash,
  isKeyId,
  isRegistrationId,
  type KeyHash,
  type KeyId,
  type RegistrationId,
} from '../ids.ts';
import { MAX_SESSION_ENTRIES, MAX_TICKET_LENGTH } from '../limits.ts';

/** Schemas of the ids and the few shapes that several of our formats share. */
export const environmentIdField = z.custom<EnvironmentId>(isEnvironmentId);
export const registrationIdField = z.custom<RegistrationId>(isRegistrationId);
export const keyIdField = z.custom<KeyId>(isKeyId);
export const incarnationField = z.custom<Incarnation>(isIncarnation);
export const bootIdField = z.custom<BootId>(isBootId);
export const fingerprintField = z.custom<Fingerprint>(isFingerprint);
export const keyHashField = z.custom<KeyHash>(isKeyHash);

/** A compact JWT; its content is checked by `TicketVerifier`. */
export const ticketField = z.string().min(1).max(MAX_TICKET_LENGTH);

/** Seconds since the Unix epoch. */
export const secondsField = z.number().nonnegative();

/** A name, a nonce or a `jti`. */
export const shortText = z.string().min(1).max(256);

export const countField = z.number().int().nonnegative();

/** The key that a harness has a session under (our-side §6). Session ids never leave the sidecar. */
const sessionEntry = z.object({ harness: keyHashField, registrationId: registrationIdField });
export type SessionEntry = z.infer<typeof sessionEntry>;

export const sessionTable = z.array(sessionEntry).max(MAX_SESSION_ENTRIES);
