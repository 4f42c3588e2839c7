import { z } from 'zod';
import type { EnvironmentId } from '../ids.ts';
import { accessMessage } from './access.ts';
import { denyList, denySchema } from './deny.ts';
import {
  bootIdField,
  countField,
  fingerprintField,
  keyIdField,
  registrationIdField,
  secondsField,
  shortText,
} from './fields.ts';
import { ownFormat } from './versioned.ts';

/** Keys in one report, the newest. Three may be live (design §4); retired ones with streams stay for a while. */
export const MAX_REPORTED_KEYS = 32;

/** Relays that are named because they do not forward. With so many of them the relays are not what is broken. */
export const MAX_NOT_FORWARDING = 64;

/** Where a sidecar opens its watch, with the executor's bearer. */
export function watchPath(environmentId: EnvironmentId): string {
  return `/internal/v1/watch/${environmentId}`;
}

/** All denies that stand for this environment. First. */
const hello = z.object({ type: z.literal('hello'), denies: denyList });
const deny = z.object({ type: z.literal('deny'), deny: denySchema });
const undeny = z.object({ type: z.literal('undeny'), denyId: shortText });
/** Register again now: something about the executor changed. */
const refresh = z.object({ type: z.literal('refresh') });
/**
 * So many relay replicas may be sent somebody: they are not going away, and they forward. After `hello`, and again when it changes. A socket
 * at one of `notForwarding` is not one to rely on: probes do not come through that relay, or it was lost; it is missing where a registry of an earlier release speaks.
 */
const relays = z.object({
  type: z.literal('relays'),
  count: countField,
  notForwarding: z.array(bootIdField).max(MAX_NOT_FORWARDING).optional(),
});

/** The deny is enforced: streams cut, processes of their sessions ended. */
const ack = z.object({ type: z.literal('ack'), denyId: shortText });
/** What the sidecar holds. `lastActivity` is the time of the last request of any session, in seconds since the epoch. */
const report = z.object({
  type: z.literal('report'),
  keys: z
    .array(
      z.object({
        keyId: keyIdField.optional(),
        fingerprint: fingerprintField,
        registrationId: registrationIdField,
        present: z.boolean(),
      }),
    )
    .max(MAX_REPORTED_KEYS),
  sessions: countField,
  lastActivity: secondsField.optional(),
  /** Keys whose private half is in the sidecar's memory, also after their file is gone. Absent in an earlier release. */
  loaded: z.array(fingerprintField).max(MAX_REPORTED_KEYS).optional(),
});

/** Whose sessions there are, once, when the watch opens. */
const access = accessMessage;

const ping = z.object({ type: z.literal('ping'), nonce: shortText });
const pong = z.object({ type: z.literal('pong'), nonce: shortText });

export type WatchToSidecar =
  | z.infer<typeof hello>
  | z.infer<typeof deny>
  | z.infer<typeof undeny>
  | z.infer<typeof refresh>
  | z.infer<typeof relays>
  | z.infer<typeof ping>
  | z.infer<typeof pong>;

export type WatchToRegistry =
  | z.infer<typeof ack>
  | z.infer<typeof report>
  | z.infer<typeof access>
  | z.infer<typeof ping>
  | z.infer<typeof pong>;

/** Registry → sidecar (our-side §4). The sidecar enforces what it hears here, whatever the relays do. */
export const watchToSidecar = ownFormat<WatchToSidecar>('watch to sidecar', {
  hello,
  deny,
  undeny,
  refresh,
  relays,
  ping,
  pong,
});

/** Sidecar → registry. */
export const watchToRegistry = ownFormat<WatchToRegistry>('watch to registry', { ack, report, access, ping, pong });
