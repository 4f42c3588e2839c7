import { createHash } from 'node:crypto';
import type { Clock } from '../../telemetry/index.ts';
import { type KeyHash, MAX_ACTIVE_STREAMS, MAX_PENDING_VALIDATIONS } from '../../wire/index.ts';
import type { ExecutorMetrics } from '../telemetry.ts';

/**
 * Validations that one harness key may keep waiting. A relay lets an identity have three unanswered handshakes at an executor
 * (our-side §11); behind a relay that does not, one key still leaves room for others.
 */
const MAX_PENDING_PER_HARNESS = 4;
/** An authorization lives 60 s; remembered twice as long, a clock that is off by a minute reuses none. */
const USED_AUTHORIZATION_MS = 120_000;

/** In either direction, above one legal 64 MiB message: a stream that holds more is reset. */
const MAX_STREAM_BACKLOG_BYTES = 80 * 1024 * 1024;
/** Of all streams together; beyond it the largest is reset. */
const MAX_TOTAL_BACKLOG_BYTES = 128 * 1024 * 1024;
/** Streams that hold less are not worth adding up. */
const NOTABLE_BACKLOG_BYTES = 1024 * 1024;

/** A stream, as far as memory is concerned. */
export interface Backlogged {
  /** Bytes that wait for the exec-server or for the harness. */
  readonly backlogBytes: number;
  end(reason: string): Promise<void>;
}

export interface AdmissionOptions {
  clock: Clock;
  metrics: ExecutorMetrics;
}

/**
 * What all sockets of this sidecar share: how many streams and handshakes there are, and which authorizations were used. There is no
 * pause after failures: a hostile client's bad handshakes cost it its own and nobody else's.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #pending = new Map<KeyHash, number>();
  readonly #used = new Map<string, number>();
  readonly #active = new Set<Backlogged>();
  #pendingTotal = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Whether another handshake may begin: before any cryptography is done for it. */
  get hasRoom(): boolean {
    return this.#active.size < MAX_ACTIVE_STREAMS && this.#pendingTotal < MAX_PENDING_VALIDATIONS;
  }

  beginValidation(harness: KeyHash): boolean {
    const waiting = this.#pending.get(harness) ?? 0;
    if (waiting >= MAX_PENDING_PER_HARNESS || this.#pendingTotal >= MAX_PENDING_VALIDATIONS) return false;
    this.#pending.set(harness, waiting + 1);
    this.#pendingTotal += 1;
    this.#options.metrics.pendingHandshakes.set(this.#pendingTotal);
    return true;
  }

  endValidation(harness: KeyHash): void {
    const waiting = (this.#pending.get(harness) ?? 1) - 1;
    if (waiting === 0) this.#pending.delete(harness);
    else this.#pending.set(harness, waiting);
    this.#pendingTotal -= 1;
    this.#options.metrics.pendingHandshakes.set(this.#pendingTotal);
  }

  /** False for an authorization that opened a stream before: a replayed handshake. */
  useAuthorization(authorization: string, jti: string | undefined): boolean {
    const now = this.#options.clock.now();
    for (const [id, until] of this.#used) {
      if (until > now) break;
      this.#used.delete(id);
    }
    const id = jti ?? createHash('sha256').update(authorization).digest('base64url');
    if (this.#used.has(id)) return false;
    this.#used.set(id, now + USED_AUTHORIZATION_MS);
    return true;
  }

  streamOpened(stream: Backlogged): void {
    this.#active.add(stream);
    this.#options.metrics.streams.set(this.#active.size);
  }

  streamEnded(stream: Backlogged): void {
    this.#active.delete(stream);
    this.#options.metrics.streams.set(this.#active.size);
  }

  /** Called with what a stream received: an exec-server or a harness that does not read costs its own stream, never the process. */
  checkBacklog(stream: Backlogged): void {
    const backlog = stream.backlogBytes;
    if (backlog <= NOTABLE_BACKLOG_BYTES) return;
    if (backlog > MAX_STREAM_BACKLOG_BYTES) void stream.end('backlog_of_one_stream');
    let total = 0;
    let largest = stream;
    for (const other of this.#active) {
      total += other.backlogBytes;
      if (other.backlogBytes > largest.backlogBytes) largest = other;
    }
    if (total > MAX_TOTAL_BACKLOG_BYTES) void largest.end('backlog_of_all_streams');
  }
}
