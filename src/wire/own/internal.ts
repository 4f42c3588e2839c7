import { z } from 'zod';
import { denySchema } from './deny.ts';
import {
  countField,
  environmentIdField,
  fingerprintField,
  incarnationField,
  keyIdField,
  registrationIdField,
  secondsField,
  shortText,
} from './fields.ts';
import { ownFormat } from './versioned.ts';

/** What the operator asks a registry (design §6); with `?watch` the answer goes on, a JSON line for each change. */
export const ENVIRONMENTS_PATH = '/internal/v1/environments';
/** So often a watch says that it lives. */
export const INTERNAL_HEARTBEAT_MS = 5_000;

/** A key of an executor on live sockets, at so many relays. */
const registration = z.object({
  registrationId: registrationIdField,
  keyId: keyIdField.optional(),
  fingerprint: fingerprintField,
  incarnation: incarnationField,
  firstRegistrationTime: secondsField,
  relays: countField,
});

/**
 * A deny that stands, and who said that it is enforced: `relay ` and the name of its pod, or `sidecar of ` and the environment, then with the
 * incarnation that said so.
 */
const standingDeny = denySchema.extend({
  acknowledgements: z.array(z.object({ by: shortText, time: secondsField, incarnation: incarnationField.optional() })),
});

const environmentReport = z.object({
  environmentId: environmentIdField,
  /** The fence as this registry knows it. */
  incarnation: incarnationField.optional(),
  registrations: z.array(registration),
  /** Absent: not known, which is not zero. */
  sessions: countField.optional(),
  lastActivity: secondsField.optional(),
  denies: z.array(standingDeny),
  /** Keys that this registry refuses as revoked. Absent where a registry of an earlier release speaks, which names relays by their boot ids. */
  revoked: z.array(fingerprintField).optional(),
  /** Keys whose private half the sidecar of `incarnation` has in memory. Absent: it does not say. */
  loaded: z.array(fingerprintField).optional(),
});

const hello = z.object({ type: z.literal('hello'), registryId: shortText });
const environment = z.object({ type: z.literal('environment'), environment: environmentReport });
const gone = z.object({ type: z.literal('gone'), environmentId: environmentIdField });
/** Ticket keys that live at a time: they change monthly and are accepted for days after. */
const MAX_TICKET_KEYS = 64;

/**
 * Everything was said once; said again when a member is another. `complete`: relays have reported, so what is absent is not there.
 * `ticketKeys`: the ids of those that this registry has loaded.
 */
const synced = z.object({
  type: z.literal('synced'),
  complete: z.boolean(),
  ticketKeys: z.array(shortText).max(MAX_TICKET_KEYS).optional(),
});
const heartbeat = z.object({ type: z.literal('heartbeat') });

export type EnvironmentReport = z.infer<typeof environmentReport>;

export type RegistryToOperator =
  | z.infer<typeof hello>
  | z.infer<typeof environment>
  | z.infer<typeof gone>
  | z.infer<typeof synced>
  | z.infer<typeof heartbeat>;

/** Registry → operator, one message a line: `hello`, each `environment`, `synced`, then changes; without `?watch` it ends at `synced`. */
export const registryToOperator = ownFormat<RegistryToOperator>('registry to operator', {
  hello,
  environment,
  gone,
  synced,
  heartbeat,
});
