const KIB = 1024;
const MIB = 1024 * KIB;

/** Every limit of one relay. Sizes in bytes, spans in milliseconds. A field that a deployment may set has its reason at its default. */
export interface RelayLimits {
  readonly maxSockets: number;
  readonly maxUnfinishedSockets: number;
  readonly maxBegunSockets: number;
  readonly maxPendingUpgrades: number;
  readonly socketsPerIdentity: number;
  readonly upgradesPerSecondPerIdentity: number;
  readonly burstUpgradesPerIdentity: number;
  readonly streamsPerIdentity: number;
  readonly bytesPerSecondPerIdentity: number;
  readonly burstBytesPerIdentity: number;
  readonly streamBacklogBytes: number;
  readonly executorBacklogBytes: number;
  readonly processBacklogBytes: number;
  readonly processUploadBytes: number;
  readonly stallMs: number;
  readonly executorReturnMs: number;
  readonly drainMs: number;
  readonly closeMs: number;
}

/** Where the machine allows less, less is in force: `capacity/capacity.ts`. */
export const DEFAULT_LIMITS: RelayLimits = {
  /** Twice the 10,000 idle connections a replica is measured with; each costs kernel buffers that no other limit counts. */
  maxSockets: 20_000,
  /** Connections without an upgrade request, most of them unread: a fleet of 5,000 that comes back at once waits here, and nobody is dropped. */
  maxUnfinishedSockets: 8_192,
  /** Of those, who has begun: an honest one is through in some round trips, so this is about a second's worth; half-open ones hold no more. */
  maxBegunSockets: 1_024,
  /** Upgrades being checked or held. More are answered at once, so that a flood of bad tickets cannot pile up sockets. */
  maxPendingUpgrades: 2_048,
  /** Half of all: one identity never fills a replica for the others. */
  socketsPerIdentity: 10_000,
  /** As many as two registries hand tickets to it, which give 100 a second and 500 at once each. */
  upgradesPerSecondPerIdentity: 200,
  burstUpgradesPerIdentity: 1_000,
  /** our-side.md §11. A real executor takes 128 streams of everybody together. */
  streamsPerIdentity: 32,
  /** About half of what one core of a relay forwards: one identity alone can never take a whole replica from the others. */
  bytesPerSecondPerIdentity: 512 * MIB,
  /** One message of the largest legal size (64 MiB) goes through without being paced. */
  burstBytesPerIdentity: 64 * MIB,
  /** Above one legal message of 64 MiB with its envelopes: an executor answers a request with one such message at once. */
  streamBacklogBytes: 80 * MIB,
  /** What one executor's harnesses may leave unread in this process together; beyond it the largest backlog is cut. */
  executorBacklogBytes: 128 * MIB,
  /** Eight executors whose harnesses stopped reading. More memory is of no use: it is what one core forwards in a second. */
  processBacklogBytes: 1024 * MIB,
  /** A thousand streams that were held back (`UPLOAD_HIGH_BYTES`), for executors that do not read. */
  processUploadBytes: 256 * MIB,
  /** A harness that took nothing for this long is gone or stuck; its recovery is better served by a reset (performance.md: 10–15 s). */
  stallMs: 12_000,
  /** our-side.md §5: a harness waits this long for an executor that went a moment ago. */
  executorReturnMs: 3_000,
  /** our-side.md §10: how long a relay that ends waits for a quiet moment of each stream. 0: it does not. */
  drainMs: 60_000,
  /** After that, what is left is closed within this. Both together fit `terminationGracePeriodSeconds: 90`. */
  closeMs: 10_000,
};

/** Nobody legitimate fragments; without a bound one message in 1-byte fragments costs 262,144 buffers. */
export const MAX_FRAGMENTS = 64;
/** A ticket URL is about 3 kB (our-side.md §2); the rest is room for tracing headers. */
export const MAX_HEADER_BYTES = 16 * KIB;
/** Time for a client to send its upgrade request; real endpoints give up dialling after 10 s. */
export const UPGRADE_REQUEST_MS = 10_000;
/** While others wait for their turn, the oldest that has begun is dropped after this: a TLS handshake over a slow link is through. */
export const UNFINISHED_GRACE_MS = 2_000;
/**
 * Connections that begin their TLS handshake in one turn of the event loop, at about 0.8 ms each: what a healthy stream may have to wait
 * for them at a time. Without other work a replica still begins as many as it can finish.
 */
export const BEGUN_PER_TURN = 4;
/** Of refused upgrades; the rest is counted. A flood may cost a relay its own time, and not its node's disk as well. */
export const REFUSAL_LINES = { perSecond: 20, burst: 100 };

/** A harness socket is paused when this much of its stream waits for the executor, and resumed below a quarter of it. */
export const UPLOAD_HIGH_BYTES = 256 * KIB;
export const UPLOAD_LOW_BYTES = 64 * KIB;
/** Real endpoints: WebSocket ping each 30 s, given up after 60 s of silence; they ping each 30 s themselves (contract §3). */
export const PING_INTERVAL_MS = 30_000;
export const PING_TIMEOUT_MS = 60_000;
/** Our sidecar sends its session table first; one that has not by now is broken or not ours. */
export const SESSIONS_FIRST_MS = 5_000;
/** How long an executor may take to answer a registry's ping of its registration (our-side.md §9). */
export const REGISTRATION_PING_MS = 3_000;

/** our-side.md §11: unanswered handshakes of one identity at one executor, which pauses everybody after eight failed ones. */
export const MAX_UNANSWERED_HANDSHAKES = 3;
export const MAX_FAILED_HANDSHAKES = 3;
export const FAILED_HANDSHAKE_WINDOW_MS = 60_000;
export const HANDSHAKE_PENALTY_MS = 60_000;
/** A handshake over the limit waits for a free place; the harness itself gives up after 10 s. */
export const HANDSHAKE_HOLD_MS = 8_000;
/** After this an unanswered handshake no longer holds a place: the executor's own check takes at most 10 s. */
export const HANDSHAKE_ANSWER_MS = 15_000;
/** A harness that left in the middle frees its place after this: the executor's verdict on a bad handshake is usually here sooner. */
export const ABANDONED_HANDSHAKE_MS = 3_000;
/** A real executor resets every new handshake for 10 s after eight failed ones (contract §7.3): those resets are nobody's fault. */
export const EXECUTOR_PAUSE_FAILURES = 8;
export const EXECUTOR_PAUSE_MS = 10_000;

/** Frames of one socket that had to be dropped before it is closed: one or two are a race, more are a broken or hostile peer. */
export const MAX_DROPPED_FRAMES = 16;
/** Resets to an executor for streams nobody owns, per second: a hint that ends its stream, not a duty (contract §7.4.6). */
export const UNOWNED_RESETS_PER_SECOND = 16;
/** A close frame gets this long to reach a peer that reads, then the socket is destroyed. */
export const CLOSE_FLUSH_MS = 2_000;
/** What is written to a harness before its close frame, at most: a slow link takes it in that time. The rest comes again when it resumes. */
export const CLOSE_FLUSH_BYTES = MIB;

/** A relay in the same cluster that cannot be reached in this time is not there (our-side.md §5). */
export const SPLICE_REACH_MS = 2_000;
/**
 * And so long it may take over its answer to an upgrade: it may wait three seconds for an executor that went a moment ago. The harness gives up
 * after ten.
 */
export const SPLICE_ANSWER_MS = 5_000;

/** Drain (our-side.md §10): so long a relay that ends still takes harnesses, whose tickets were made before registries knew. */
export const DRAIN_ACCEPT_MS = 10_000;
/** Our sidecar is on another relay well within this; one that is not is treated like a real executor, which knows no `move`. */
export const MOVE_MS = 5_000;
/** A stream in which nothing moved for this long is between two messages, and no answer is on its way. */
export const QUIET_MS = 150;
/** So long a relay that ends waits for a harness to read what is on its way to it; one that answers no pings is closed after that all the same. */
export const CATCH_UP_MS = 10_000;
/** Looks at all streams of a relay that ends. */
export const DRAIN_STEP_MS = 50;

/**
 * What changes at one executor is told to the registries at once, and again after this at the earliest: a session table has up to 130 kB, goes to
 * every registry, and comes as often as its sidecar likes.
 */
export const PRESENCE_PACE_MS = 100;

/** How often registries hear of this relay's load. */
export const LOAD_REPORT_MS = 5_000;

/**
 * A relay that no registry has told anything for so long is unready: tickets may soon be signed with a key that it does not know. The operator
 * announces a key ten minutes before it signs, so half of that is soon enough, and a registry that restarts is back long before.
 */
export const KEYS_CURRENT_MS = 300_000;

/**
 * A relay that no registry has told anything for so long takes no new executors: nobody would hear of them. A registry that restarts on the spot is back
 * by then, and who is refused dials again within a second. Counted from the 10 s in which silence is noticed.
 */
export const ALONE_MS = 5_000;

/** Sweep over sockets: pings, stalled streams, expiries. Fine enough for the 10–15 s of a stalled stream. */
export const SWEEP_MS = 1_000;
/** A real executor's socket is closed when quiet in the last day of its ticket, or the last seventh of a shorter one (our-side.md §2). */
export const TICKET_LAST_DAY_SECONDS = 86_400;
export const TICKET_LAST_PART = 7;
