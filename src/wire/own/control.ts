import { z } from 'zod';
import { countField, sessionTable, shortText, ticketField } from './fields.ts';
import { ownFormat } from './versioned.ts';

/** Both ends of a control connection ping this often, in milliseconds (our-side §4). */
export const CONTROL_PING_INTERVAL_MS = 5000;

/** And give the other up when nothing at all came for this long. */
export const CONTROL_PING_TIMEOUT_MS = 10_000;

/** The relay reports a stream's delivered bytes at the latest after this many more, so that 512 KiB in flight never starve. */
export const DELIVERED_REPORT_BYTES = 65_536;

/** What the sidecar keeps of one stream between itself and the harness's socket, in bytes (our-side §4). */
export const MAX_STREAM_BYTES_IN_FLIGHT = 512 * 1024;

/** This registration is present at another relay: leave presence, and keep the socket for the streams that it has. After a `move`. */
const leave = z.object({ type: z.literal('leave') });

/**
 * Whether the key of this registration takes new streams. False: leave presence, and keep the socket for the streams that it has (our-side §7).
 * True: it came back.
 */
const serving = z.object({ type: z.literal('serving'), serving: z.boolean() });

const ping = z.object({ type: z.literal('ping'), nonce: shortText });
const pong = z.object({ type: z.literal('pong'), nonce: shortText });

/** The executor's whole session table, of all its keys. The first message of a socket, and again after each change. */
const sessions = z.object({ type: z.literal('sessions'), sessions: sessionTable });

/** A refreshed executor ticket of this socket's registration. */
const ticket = z.object({ type: z.literal('ticket'), ticket: ticketField });

/**
 * Per stream, the sum of the lengths of all relay messages that were handed to the harness's socket since the stream began.
 * Cumulative, so that a lost report costs nothing.
 */
const delivered = z.object({ type: z.literal('delivered'), streams: z.record(z.string(), countField) });

/** Open a socket on another replica and answer with `leave`: this relay is going away, and closes the socket when its streams are gone. */
const move = z.object({ type: z.literal('move') });

export type ControlToRelay =
  | z.infer<typeof sessions>
  | z.infer<typeof ticket>
  | z.infer<typeof leave>
  | z.infer<typeof serving>
  | z.infer<typeof ping>
  | z.infer<typeof pong>;

export type ControlToSidecar =
  | z.infer<typeof delivered>
  | z.infer<typeof move>
  | z.infer<typeof ping>
  | z.infer<typeof pong>;

/** Sidecar → relay: text frames on the executor's socket (our-side §4). A relay forwards none of them. */
export const controlToRelay = ownFormat<ControlToRelay>('control to relay', {
  ...{ sessions, ticket, leave, serving, ping, pong },
});

/** Relay → sidecar, on the same socket. A real executor ignores them. */
export const controlToSidecar = ownFormat<ControlToSidecar>('control to sidecar', { delivered, move, ping, pong });
