import { type Clock, type Logger, pause } from '../../telemetry/index.ts';
import type { ObjectApi } from '../client/api.ts';
import { ApiError, isApiError } from '../client/errors.ts';
import { leases } from '../objects/builtin.ts';
import {
  decideLease,
  LEASE_TIMES,
  type LeaseSpec,
  type LeaseTimes,
  type ObservedLease,
  releasedLease,
} from './lease.ts';
import type { LeaderMetrics, RuntimeMetrics } from './runtime-metrics.ts';

export interface LeaderElectionOptions {
  readonly api: ObjectApi;
  readonly lease: { readonly namespace: string; readonly name: string };
  /** Unique to this process: the pod's name and something random. */
  readonly identity: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics?: RuntimeMetrics | undefined;
  readonly times?: LeaseTimes;
  readonly random?: () => number;
}

export interface LeaderElectionRun {
  readonly signal: AbortSignal;
  /** Runs while this process leads, ends soon after its signal aborts. Called again when leadership comes back. */
  readonly lead: (signal: AbortSignal) => Promise<void>;
}

/** One of several processes leads: who holds the Lease. */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #times: LeaseTimes;
  readonly #random: () => number;
  readonly #metrics: LeaderMetrics | undefined;
  #observed: (ObservedLease & { readonly resourceVersion: string }) | undefined;
  #leading = false;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#times = options.times ?? LEASE_TIMES;
    this.#random = options.random ?? Math.random;
    this.#metrics = options.metrics?.leader(options.lease.name);
  }

  get leading(): boolean {
    return this.#leading;
  }

  /** Who held the Lease when it was last seen; empty: nobody. */
  get holder(): string {
    return this.#observed?.spec.holderIdentity ?? '';
  }

  /**
   * Takes part until the signal aborts, and then gives the Lease back, after `lead` has ended, so that another leads at once. Losing the Lease (the
   * API server was away for too long) ends `lead`, not the process. Rejects only when `lead` does.
   */
  async run({ signal, lead }: LeaderElectionRun): Promise<void> {
    this.#metrics?.leading(false);
    while (!signal.aborted) {
      if (await this.#attempt(signal)) await this.#leadWhileHeld(signal, lead);
      else await this.#pause(this.#times.lookMs, signal);
    }
  }

  async #leadWhileHeld(signal: AbortSignal, lead: LeaderElectionRun['lead']): Promise<void> {
    const { log, lease, identity } = this.#options;
    const lost = new AbortController();
    this.#setLeading(true);
    log.info({ lease: lease.name, identity }, 'leading');
    const holding = AbortSignal.any([signal, lost.signal]);
    const leading = lead(holding).then(() => {
      if (!holding.aborted) throw new Error('leading ended by itself');
    });
    // Whatever ends it ends the holding too.
    leading.catch(() => lost.abort());
    try {
      await this.#hold(holding);
      lost.abort();
      await leading;
    } catch (error) {
      if (!holding.aborted || !isAbort(error)) throw error;
    } finally {
      this.#setLeading(false);
      log.info({ lease: lease.name, identity }, 'no longer leading');
      await this.#release();
    }
  }

  /** Renews until the signal aborts or the deadline passes without a success. */
  async #hold(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    // From the start of the attempt: the server may have counted from any moment after it.
    let renewedAt = clock.now();
    while (!signal.aborted) {
      await this.#pause(Math.min(this.#times.renewMs, renewedAt + this.#times.deadlineMs - clock.now()), signal);
      if (signal.aborted) return;
      const startedAt = clock.now();
      const left = renewedAt + this.#times.deadlineMs - startedAt;
      if (left <= 0) return void log.warn({ lease: this.#options.lease.name }, 'lease not renewed in time');
      if (await this.#attempt(signal, left)) renewedAt = startedAt;
      else if (this.holder !== this.#options.identity) return;
    }
  }

  /** One look and, when it may be taken or renewed, one write. True: we hold it. */
  async #attempt(signal: AbortSignal, limitMs = this.#times.deadlineMs): Promise<boolean> {
    const { api, lease, identity, clock, log } = this.#options;
    const limited = new AbortController();
    const timer = clock.after(limitMs, () => limited.abort());
    const options = { signal: AbortSignal.any([signal, limited.signal]) };
    try {
      // The holder writes over what it wrote last; only a conflict makes it look.
      if (this.holder !== identity || !this.#leading) this.#see(await api.find(leases, lease, options));
      const decision = decideLease(this.#observed, { identity, now: clock.now(), times: this.#times });
      if (decision.action === 'wait') return false;
      this.#see(await this.#write(decision.spec, options));
      return true;
    } catch (error) {
      if (signal.aborted || limited.signal.aborted) return false;
      if (!(error instanceof ApiError)) throw error;
      if (isApiError(error, 'Conflict', 'AlreadyExists', 'NotFound')) await this.#look(options);
      else log.warn({ lease: lease.name, code: error.code, err: error }, 'lease cannot be read or written');
      return false;
    } finally {
      timer.cancel();
    }
  }

  async #look(options: { readonly signal: AbortSignal }): Promise<void> {
    try {
      this.#see(await this.#options.api.find(leases, this.#options.lease, options));
    } catch {
      // The next attempt looks again.
    }
  }

  #write(spec: LeaseSpec, options: { readonly signal?: AbortSignal }) {
    const { api, lease } = this.#options;
    const resourceVersion = this.#observed?.resourceVersion;
    if (resourceVersion === undefined) return api.create(leases, { metadata: lease, ...{ spec } }, options);
    return api.update(leases, { metadata: { ...lease, resourceVersion }, ...{ spec } }, options);
  }

  #see(lease: { metadata: { resourceVersion: string }; spec?: LeaseSpec } | undefined): void {
    if (lease === undefined) {
      this.#observed = undefined;
      return;
    }
    const { resourceVersion } = lease.metadata;
    if (this.#observed?.resourceVersion === resourceVersion) return;
    this.#observed = { spec: lease.spec ?? {}, seenAt: this.#options.clock.now(), resourceVersion };
  }

  /** Gives it back if it is ours, so that nobody waits for it to run out. */
  async #release(): Promise<void> {
    const observed = this.#observed;
    if (observed === undefined || this.holder !== this.#options.identity) return;
    const limited = new AbortController();
    const timer = this.#options.clock.after(RELEASE_LIMIT_MS, () => limited.abort());
    try {
      this.#see(await this.#write(releasedLease(observed.spec, this.#options.clock.now()), { signal: limited.signal }));
    } catch (error) {
      this.#options.log.debug({ err: error }, 'lease not given back: it runs out by itself');
      this.#observed = undefined;
    } finally {
      timer.cancel();
    }
  }

  #setLeading(leads: boolean): void {
    this.#leading = leads;
    this.#metrics?.leading(leads);
  }

  async #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    // Candidates look at different times, so that one write wins instead of meeting conflicts.
    const stretched = Math.max(0, milliseconds) * (1 - this.#random() / 5);
    try {
      await pause(stretched, this.#options.clock, signal);
    } catch {
      // The loops end by their own condition.
    }
  }
}

/** A process that ends does not wait longer for its lease to be taken back. Milliseconds. */
const RELEASE_LIMIT_MS = 2_000;

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
