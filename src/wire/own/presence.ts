import { z } from 'zod';
import { accessMessage } from './access.ts';
import { denyList, denySchema } from './deny.ts';
import {
  bootIdField,
  countField,
  environmentIdField,
  registrationIdField,
  secondsField,
  sessionTable,
  shortText,
  ticketField,
} from './fields.ts';
import { ownFormat } from './versioned.ts';

/** Where a relay opens its presence connection at a registry. */
export const PRESENCE_PATH = '/internal/v1/presence';

/** Registrations in one snapshot; a relay is sized for far fewer sockets. */
const MAX_ENTRIES = 100_000;

/** Ticket keys live 8 days after their last signature; a rotation a day is more than enough. */
const MAX_TICKET_KEYS = 64;

/** The public half of a ticket key: an Ed25519 JWK with its `kid`. A private member makes the message malformed. */
const ticketJwk = z.strictObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  kid: shortText,
  alg: z.literal('EdDSA').optional(),
  use: z.literal('sig').optional(),
});
export type TicketJwk = z.infer<typeof ticketJwk>;

const ticketJwks = z.array(ticketJwk).max(MAX_TICKET_KEYS);

/** A registration on a live socket. It carries the executor's own ticket: a relay can report only what it was shown. */
const presenceEntry = z.object({ ticket: ticketField, sessions: sessionTable });
export type PresenceEntry = z.infer<typeof presenceEntry>;

/** First, and before the relay sends anything: keys and the deny snapshot, which the relay loads before it enters presence. */
const registryHello = z.object({
  type: z.literal('hello'),
  registryId: shortText,
  ticketKeys: ticketJwks,
  denies: denyList,
});
const ticketKeys = z.object({ type: z.literal('ticketKeys'), ticketKeys: ticketJwks });
const deny = z.object({ type: z.literal('deny'), deny: denySchema });
const undeny = z.object({ type: z.literal('undeny'), denyId: shortText });
/** Is this registration's executor alive? Answered by `pong` within 3 s (our-side §9). */
const ping = z.object({ type: z.literal('ping'), nonce: shortText, registrationId: registrationIdField });
/** Answered by `ack` when the deny is loaded and its sockets are cut. */
const ackRequest = z.object({ type: z.literal('ack-request'), denyId: shortText });
/**
 * Whether this registry's probes through the relay are answered (docs/adr/0009). Said when it changes; until then they are taken to be. A
 * relay that no registry vouches for is unready.
 */
/** Answer to `remove`: from now on no harness is sent there for this registration. */
const removed = z.object({ type: z.literal('removed'), registrationId: registrationIdField });
const forwarding = z.object({ type: z.literal('forwarding'), answered: z.boolean() });

/** The relay's life and the port it listens on. Its address is the peer address of the connection, never what it says. */
const relayHello = z.object({
  type: z.literal('hello'),
  bootId: bootIdField,
  port: z.number().int().min(1).max(65_535),
});
/** All entries, once, right after `hello`. */
const snapshot = z.object({ type: z.literal('snapshot'), entries: z.array(presenceEntry).max(MAX_ENTRIES) });
const add = z.object({ type: z.literal('add'), entry: presenceEntry });
const remove = z.object({ type: z.literal('remove'), registrationId: registrationIdField });
/** The executor's whole session table, as its sidecar told it on the socket of this registration. */
const sessions = z.object({ type: z.literal('sessions'), registrationId: registrationIdField, sessions: sessionTable });
const pong = z.object({
  type: z.literal('pong'),
  nonce: shortText,
  registrationId: registrationIdField,
  alive: z.boolean(),
});
const load = z.object({
  type: z.literal('load'),
  streams: countField,
  bytesPerSecond: z.number().nonnegative(),
  draining: z.boolean(),
});
const ack = z.object({ type: z.literal('ack'), denyId: shortText });
/** Whose sockets are open here, once, right after `snapshot`. */
const access = accessMessage;
/** An identity failed too many handshakes at an executor: `connect` answers it 429 until then (our-side §11). */
const penalty = z.object({
  type: z.literal('penalty'),
  identityHash: shortText,
  environmentId: environmentIdField,
  untilSeconds: secondsField,
});
/** A splice target that was not reached: route there no more (our-side §5). */
const lost = z.object({ type: z.literal('lost'), bootId: bootIdField });

export type PresenceToRelay =
  | z.infer<typeof registryHello>
  | z.infer<typeof ticketKeys>
  | z.infer<typeof deny>
  | z.infer<typeof undeny>
  | z.infer<typeof ping>
  | z.infer<typeof ackRequest>
  | z.infer<typeof forwarding>
  | z.infer<typeof removed>;

export type PresenceToRegistry =
  | z.infer<typeof relayHello>
  | z.infer<typeof snapshot>
  | z.infer<typeof add>
  | z.infer<typeof remove>
  | z.infer<typeof sessions>
  | z.infer<typeof pong>
  | z.infer<typeof load>
  | z.infer<typeof ack>
  | z.infer<typeof access>
  | z.infer<typeof penalty>
  | z.infer<typeof lost>;

/** Registry → relay (our-side §3). */
export const presenceToRelay = ownFormat<PresenceToRelay>('presence to relay', {
  hello: registryHello,
  ticketKeys,
  deny,
  undeny,
  ping,
  'ack-request': ackRequest,
  forwarding,
  removed,
});

/** Relay → registry (our-side §3). */
export const presenceToRegistry = ownFormat<PresenceToRegistry>('presence to registry', {
  hello: relayHello,
  snapshot,
  add,
  remove,
  sessions,
  pong,
  load,
  ack,
  access,
  penalty,
  lost,
});
