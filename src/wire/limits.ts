/** One WebSocket message and one WebSocket frame, in bytes (contract §3). A longer one makes a real executor drop its socket. */
export const MAX_MESSAGE_BYTES = 262_144;

/** Plaintext of one Noise record, in bytes (contract §6): 60 KiB, so that record, tag and envelope stay under 64 KiB. */
export const MAX_RECORD_PLAINTEXT = 61_440;

/** The authentication tag of AES-256-GCM, in bytes (contract §5.1). */
export const RECORD_TAG_BYTES = 16;

/** One Noise record on the wire, in bytes. */
export const MAX_RECORD_BYTES = MAX_RECORD_PLAINTEXT + RECORD_TAG_BYTES;

/** One JSON-RPC message, in bytes (contract §6): the largest length prefix that a real peer accepts. */
export const MAX_RPC_BYTES = 64 * 1024 * 1024;

/** JSON values in one message, the outermost included (contract §6: 260,000 pass, 262,200 do not). */
export const MAX_JSON_VALUES = 262_144;

/** Nesting of arrays and objects in one message. Not in the contract; the usual limit of Rust's JSON reader, which the real peer uses. */
export const MAX_JSON_DEPTH = 128;

/** How far `seq` may run ahead of the one expected next (contract §6: 64 passes, 65 fails). */
export const REORDER_WINDOW = 64;

/** Ciphertext that may wait for a gap, in bytes (contract §6). */
export const MAX_GAP_BYTES = 1024 * 1024;

/** Inbound JSON-RPC messages that may wait in one stream (contract §6). */
export const MAX_QUEUED_MESSAGES = 128;

/** `harness_key_authorization`, UTF-8 bytes (contract §2.3, §7.2). */
export const MAX_AUTHORIZATION_BYTES = 4096;

/**
 * Stream ids, UTF-8 bytes. Real ones are UUIDs of 36; the contract sets no bound, a relay's tables need one. Lengths up to 127 take one
 * byte in an envelope.
 */
export const MAX_STREAM_ID_BYTES = 127;

/** Registration ids, UTF-8 bytes. Ours have 43; another registry's are opaque. */
export const MAX_REGISTRATION_ID_BYTES = 512;

/** Reset reasons, UTF-8 bytes that we write. Reasons that we read are only bounded by the message. */
export const MAX_RESET_REASON_BYTES = 256;

/** Active streams of one executor socket (contract §7.2). */
export const MAX_ACTIVE_STREAMS = 128;

/** Validations under way for one executor socket (contract §7.2). */
export const MAX_PENDING_VALIDATIONS = 32;

/** Entries of one executor's session table: 128 live streams and what detached in the last 120 s; fits one text message. */
export const MAX_SESSION_ENTRIES = 1024;

/** A body of the registry API, in bytes. The largest legal one (a key and an authorization) has about 7 kB. */
export const MAX_REGISTRY_BODY_BYTES = 65_536;

/** One message on a presence connection, in bytes: 4,096 registrations with tickets of 4 kB each. */
export const MAX_PRESENCE_MESSAGE_BYTES = 16 * 1024 * 1024;

/** A ticket, in characters: an executor ticket has about 2.8 kB; URLs of 3 kB were checked with the real peers. */
export const MAX_TICKET_LENGTH = 4096;
