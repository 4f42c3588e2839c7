const KIB = 1024;
const MIB = 1024 * KIB;

/** Slack of a WebSocket message over `MAX_RPC_BYTES`: the parser, not the socket, refuses what is a little too long, with a code. */
export const WEBSOCKET_SLACK_BYTES = 64 * KIB;

/** One `process/output`, decoded bytes. What one read of a pipe returns at most: cutting smaller would only cost messages. */
export const MAX_CHUNK_BYTES = 64 * KIB;

/**
 * Output waiting in one connection's socket before its pump stops. Enough to keep a loopback socket busy over one turn of the event
 * loop; the sidecar behind it holds 512 KiB of a stream.
 */
export const PUMP_HIGH_WATER_BYTES = 1 * MIB;

/** Below this the pump goes on. */
export const PUMP_LOW_WATER_BYTES = 512 * KIB;

/** Output of one process kept in memory; older output goes to its spill file. As much again while that file is being written. */
export const LOG_MEMORY_BYTES = 1 * MIB;

/** The unit of spilling, reading back and releasing. Four of them are `LOG_MEMORY_BYTES`. */
export const LOG_BLOCK_BYTES = 256 * KIB;

/**
 * What an entry costs beside its bytes: objects in memory, and more than its frame in the spill file. Without it a child that writes
 * single bytes would fill memory far beyond the limits.
 */
export const LOG_ENTRY_OVERHEAD_BYTES = 256;

/** Output of all processes in memory; above it each process keeps only one block in memory. */
export const TOTAL_LOG_MEMORY_BYTES = 256 * MIB;

/**
 * Output that was sent and stays readable for a client that lost its connection: more than all socket buffers and queues between a
 * child and a harness (loopback sockets 4–6 MiB each way, 512 KiB in the sidecar, a relay's 80 MiB queue is acknowledged through them).
 */
export const RESUME_RETENTION_BYTES = 64 * MIB;

/** Output of one process that nobody fetched yet; above it the child is no longer read and blocks in `write`. */
export const UNSENT_LIMIT_BYTES = 1024 * MIB;

/** Spill files of all processes together. */
export const TOTAL_SPILL_BYTES = 8 * 1024 * MIB;

/** `process/read` without `maxBytes`, decoded bytes: what a real executor retains at most (contract §9.3). */
export const READ_BYTES = 1 * MIB;

/** `process/read` with any `maxBytes`: its base64 must fit one message of 64 MiB. */
export const MAX_READ_BYTES = 32 * MIB;

/** Chunks of one `process/read`: a message may hold 262,144 JSON values, a chunk is four. What a real executor retains (contract §9.3). */
export const MAX_READ_CHUNKS = 50_000;

/** `waitMs` beyond this is cut: the client asks again. */
export const MAX_READ_WAIT_MS = 60_000;

/** Processes running at once in one session. */
export const MAX_RUNNING_PROCESSES = 128;

/** Processes of one session, ended ones that are still readable included. */
export const MAX_PROCESSES = 1024;

/** Attached and detached sessions together: the 128 streams of a sidecar, and as many that wait for a resume. */
export const MAX_SESSIONS = 256;

/** Sockets at once, sessions or not: a sidecar opens one per stream. */
export const MAX_CONNECTIONS = 256;

/** How long a session without a connection lives (our-side §6). */
export const DETACHED_SESSION_MS = 120_000;

/** How long a process stays readable after its `closed` was sent. As long as a session, so that a resume finds both or neither. */
export const CLOSED_PROCESS_MS = 120_000;

/** How long a resumed session's output waits for the client to say by `process/read` what it already has. */
export const RESUME_HOLD_MS = 2_000;

/** Between SIGTERM and SIGKILL when a session ends. */
export const KILL_GRACE_MS = 2_000;

/** Input that a child did not read yet; a further write is refused. The answer to a write already waits from `STDIN_HIGH_WATER_BYTES` on. */
export const MAX_PENDING_STDIN_BYTES = 64 * MIB;
export const STDIN_HIGH_WATER_BYTES = 1 * MIB;

/** Write ids remembered per process, the newest. A client repeats only what it has no answer for. */
export const MAX_WRITE_IDS = 4096;

/** Characters of a write id, a process id, a path, one environment entry. */
export const MAX_WRITE_ID_LENGTH = 256;
export const MAX_PROCESS_ID_LENGTH = 1024;

/** Requests of one connection under way; above it the socket is not read until one is answered. */
export const MAX_IN_FLIGHT_REQUESTS = 256;

/** `fs/readFile`: its base64 must fit one message of 64 MiB. Longer files are read by `fs/open` and `fs/readBlock`. */
export const MAX_READ_FILE_BYTES = 48 * MIB - 3 * KIB;

/** Body of an HTTP response that is not streamed; its base64 and the headers must fit one message. */
export const MAX_HTTP_BODY_BYTES = 47 * MIB;

/** HTTP requests of one connection under way. */
export const MAX_HTTP_REQUESTS = 32;

/** Redirects followed, as browsers and the real peer's client do. */
export const MAX_REDIRECTS = 10;

/** Entries visited by one recursive `fs/copy`. */
export const MAX_COPY_ENTRIES = 1_000_000;
