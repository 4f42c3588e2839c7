import type { Clock, Timer } from '../telemetry/index.ts';
import { RPC_CODES, RpcError } from '../wire/index.ts';
import { CLOSED_PROCESS_MS, MAX_PROCESSES, MAX_RUNNING_PROCESSES } from './limits.ts';
import { treesLeft } from './process/child/tree.ts';
import type { HostedProcess } from './process/hosted-process.ts';

/** What an attached connection wants to hear of its session. */
export interface SessionListener {
  /** A process said something, ended, or closed. */
  entry(process: HostedProcess): void;
  /** A process can no longer be read. */
  forgotten(process: HostedProcess): void;
  /** The session ended for good. */
  ended(): void;
}

/** Processes that belong together and outlive the connection that started them (contract §9.1). */
export class Session {
  readonly id: string;
  readonly #clock: Clock;
  readonly #processes = new Map<string, HostedProcess>();
  /** Ids whose start is under way: a second start with one of them must not pass the check. */
  readonly #starting = new Set<string>();
  readonly #expiries = new Map<HostedProcess, Timer>();
  /** Forgotten ones that left something running in the background: it ends with the session. */
  readonly #lingering = new Set<HostedProcess>();
  #listener: SessionListener | undefined;
  #ended = false;

  constructor(id: string, clock: Clock) {
    this.id = id;
    this.#clock = clock;
  }

  get attached(): boolean {
    return this.#listener !== undefined;
  }

  get processes(): Iterable<HostedProcess> {
    return this.#processes.values();
  }

  attach(listener: SessionListener): void {
    this.#listener = listener;
    // What had been sent before may have been lost: the time to read it starts again.
    for (const process of this.#processes.values()) {
      if (this.#isOver(process)) this.#expireLater(process);
    }
  }

  detach(): void {
    this.#listener = undefined;
    for (const timer of this.#expiries.values()) timer.cancel();
    this.#expiries.clear();
  }

  find(id: string): HostedProcess | undefined {
    return this.#processes.get(id);
  }

  /**
   * Starts a process under an id that must be free.
   *
   * @throws RpcError -32600 when the id is taken or the session has too many processes, and whatever `start` throws
   */
  async start(id: string, start: () => Promise<HostedProcess>): Promise<HostedProcess> {
    if (this.#processes.has(id) || this.#starting.has(id)) throw invalid(`process ${id} already exists`);
    const running = [...this.#processes.values()].filter((process) => !process.closed).length;
    if (running + this.#starting.size >= MAX_RUNNING_PROCESSES) {
      throw invalid(`at most ${MAX_RUNNING_PROCESSES} processes may run in one session`);
    }
    this.#makeRoom();
    this.#starting.add(id);
    try {
      const process = await start();
      if (this.#ended) {
        await process.end();
        throw invalid('the session has ended');
      }
      this.#processes.set(id, process);
      return process;
    } finally {
      this.#starting.delete(id);
    }
  }

  entry(process: HostedProcess): void {
    this.#listener?.entry(process);
  }

  /** Everything of `process` was sent. */
  sentAll(process: HostedProcess): void {
    if (this.attached) this.#expireLater(process);
  }

  /** Ends all processes. Idempotent; resolves when all signals were sent. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#listener?.ended();
    this.detach();
    const processes = [...this.#processes.values(), ...this.#lingering];
    this.#processes.clear();
    this.#lingering.clear();
    await Promise.all(processes.map((process) => process.end()));
  }

  #isOver(process: HostedProcess): boolean {
    return process.closed && process.log.sentSeq === process.log.nextSeq - 1;
  }

  #expireLater(process: HostedProcess): void {
    this.#expiries.get(process)?.cancel();
    this.#expiries.set(
      process,
      this.#clock.after(CLOSED_PROCESS_MS, () => this.#forget(process)),
    );
  }

  /** A session of many short commands: the oldest that are over give way. */
  #makeRoom(): void {
    if (this.#processes.size + this.#starting.size < MAX_PROCESSES) return;
    const over = [...this.#processes.values()].find((process) => this.#isOver(process));
    if (!over)
      throw invalid(`at most ${MAX_PROCESSES} processes may be kept in one session, and none was read to its end`);
    this.#forget(over);
  }

  #forget(process: HostedProcess): void {
    this.#expiries.get(process)?.cancel();
    this.#expiries.delete(process);
    this.#processes.delete(process.id);
    this.#listener?.forgotten(process);
    process.forget();
    this.#lingering.add(process);
    void this.#forgetEnded();
  }

  /** Of those that were forgotten only those matter that left something in the background. */
  async #forgetEnded(): Promise<void> {
    const asked = [...this.#lingering];
    const left = await treesLeft(asked.map(({ pid }) => pid));
    for (const process of asked) if (!left.has(process.pid)) this.#lingering.delete(process);
  }
}

function invalid(message: string): RpcError {
  return new RpcError(RPC_CODES.INVALID_REQUEST, message);
}
