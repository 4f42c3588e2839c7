import type { Clock, Timer } from '../../telemetry/index.ts';
import { PUMP_HIGH_WATER_BYTES, RESUME_HOLD_MS } from '../limits.ts';
import type { Entry } from './block.ts';
import { encodeEntry } from './notifications.ts';
import type { OutputLog } from './output-log.ts';

/** Where notifications go: one attached connection. */
interface PumpSink {
  send(message: Uint8Array): void;
  bufferedBytes(): number;
}

/** A process as the pump sees it. */
export interface PumpSource {
  readonly id: string;
  readonly log: OutputLog;
}

interface Flow {
  readonly source: PumpSource;
  readonly idJson: string;
  /** The next entry to send. */
  next: number;
  /** A block is being read from the spill file. */
  loading: boolean;
  /** Waits for the client to say what it has. */
  held: boolean;
  /** The client's first `process/read` after a resume decides where to go on. */
  repositionable: boolean;
}

export interface PumpOptions {
  sink: PumpSink;
  clock: Clock;
  onSent(source: PumpSource, entry: Entry): void;
  /** The output of `source` cannot be read back: its file is damaged or gone. */
  onLost(source: PumpSource, error: unknown): void;
}

/**
 * Sends what processes say to one connection: each process strictly in order, processes in turn, and no more than the socket takes.
 *
 * After a resume, what was sent last may have been lost on the way, and only the client knows how much: each process that existed then
 * is held until the client's first `process/read` of it, whose answer and what follows it close the gap. A client that does not ask
 * gets what is new after `RESUME_HOLD_MS`, as from a real executor.
 */
export class Pump {
  readonly #options: PumpOptions;
  readonly #flows = new Map<PumpSource, Flow>();
  /** Those that may have something to send, in turn. */
  readonly #ready = new Set<Flow>();
  #hold: Timer | undefined;
  #stopped = false;

  constructor(options: PumpOptions) {
    this.#options = options;
  }

  /** A process that started on this connection. */
  add(source: PumpSource): void {
    const idJson = JSON.stringify(source.id);
    const flow = { source, idJson, next: source.log.sentSeq + 1, loading: false, held: false, repositionable: false };
    this.#flows.set(source, flow);
    this.#ready.add(flow);
    this.run();
  }

  /** The processes of a session that was resumed by this connection. */
  addResumed(sources: Iterable<PumpSource>): void {
    for (const source of sources) {
      const idJson = JSON.stringify(source.id);
      const next = source.log.sentSeq + 1;
      this.#flows.set(source, { source, idJson, next, loading: false, held: true, repositionable: true });
    }
    this.#hold = this.#options.clock.after(RESUME_HOLD_MS, () => {
      for (const flow of this.#flows.values()) {
        flow.held = false;
        this.#ready.add(flow);
      }
      this.run();
    });
  }

  /**
   * The client's `process/read` of `source` said that it has everything up to `afterSeq`, and was answered what follows up to `read`.
   * Only the first one after a resume counts: the notifications go on after it.
   */
  read(source: PumpSource, afterSeq: number, read: Entry | undefined): void {
    const flow = this.#flows.get(source);
    if (!flow?.repositionable) return;
    flow.repositionable = false;
    if (read) source.log.markSent(read);
    flow.next = (read?.seq ?? Math.min(afterSeq, source.log.sentSeq)) + 1;
    flow.held = false;
    this.wake(source);
  }

  remove(source: PumpSource): void {
    const flow = this.#flows.get(source);
    if (!flow) return;
    this.#flows.delete(source);
    this.#ready.delete(flow);
  }

  /** `source` has a new entry. */
  wake(source: PumpSource): void {
    const flow = this.#flows.get(source);
    if (!flow || flow.held || flow.loading) return;
    this.#ready.add(flow);
    this.run();
  }

  /** Sends until the socket has enough or nothing is left. Also called when the socket drained. */
  run(): void {
    const { sink } = this.#options;
    while (!this.#stopped && sink.bufferedBytes() < PUMP_HIGH_WATER_BYTES) {
      const [flow] = this.#ready;
      if (!flow) return;
      // To the end of the queue, so that a busy process does not silence the others.
      this.#ready.delete(flow);
      if (this.#sendNext(flow)) this.#ready.add(flow);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#hold?.cancel();
    this.#ready.clear();
    this.#flows.clear();
  }

  /** True when there may be more. */
  #sendNext(flow: Flow): boolean {
    const entry = flow.source.log.at(flow.next);
    if (entry instanceof Promise) {
      flow.loading = true;
      entry.then(
        () => this.#loaded(flow),
        (error: unknown) => this.#lost(flow, error),
      );
      return false;
    }
    if (!entry) return false;
    this.#options.sink.send(encodeEntry(flow.idJson, entry));
    flow.next = entry.seq + 1;
    flow.source.log.markSent(entry);
    this.#options.onSent(flow.source, entry);
    return true;
  }

  #loaded(flow: Flow): void {
    flow.loading = false;
    if (this.#stopped || this.#flows.get(flow.source) !== flow) return;
    this.#ready.add(flow);
    this.run();
  }

  #lost(flow: Flow, error: unknown): void {
    flow.loading = false;
    if (!this.#stopped) this.#options.onLost(flow.source, error);
  }
}
