import { randomUUID } from 'node:crypto';
import { pause } from '../../telemetry/index.ts';
import {
  decodeBase64,
  type ExecParams,
  type ExecResult,
  isExecNotification,
  parseExecNotification,
} from '../../wire/index.ts';
import { HarnessError, messageOf } from '../error.ts';
import type { Session, SessionObserver } from '../session/session.ts';
import { OutputOrder, type ProcessEvent, type ReadAnswer } from './output-order.ts';
import { RemoteProcess } from './remote-process.ts';

/** One answer of `process/read` while a session is resumed: far below the 64 MiB of a message, base64 included. */
const READ_BYTES = 1024 * 1024;

/** A process that is not up yet takes no input; it is asked again after this many milliseconds. */
const STARTING_PAUSE_MS = 20;

/** Not in the protocol: our built-in exec-server has it, others answer -32601. */
const CLOSE_STDIN = 'process/closeStdin';

export type StartParams = Pick<
  ExecParams<'process/start'>,
  'argv' | 'cwd' | 'env' | 'tty' | 'pipeStdin' | 'envPolicy' | 'sandbox'
>;

interface Entry {
  readonly process: RemoteProcess;
  readonly order: OutputOrder;
  readonly sessionId: string;
  /** The executor said that it runs. */
  started: boolean;
  writes: number;
}

/** The processes of one session: hands out their notifications, and reads what was missed after a lost connection. */
export class ProcessTable implements SessionObserver {
  readonly #entries = new Map<string, Entry>();
  readonly #blocked = new Set<string>();
  readonly #session: () => Session;
  readonly #clock: Parameters<typeof pause>[1];

  /** @param session given late: it needs this table as its observer */
  constructor(session: () => Session, clock: Parameters<typeof pause>[1]) {
    this.#session = session;
    this.#clock = clock;
  }

  /**
   * Starts a command; opens a session if there is none. The id makes it safe to ask again after a cut: an executor refuses the second.
   *
   * @throws HarnessError `invalid_request`, `executor_error` (no such program or directory), `session_lost`, or why there is no session
   */
  async start(params: StartParams, signal?: AbortSignal): Promise<RemoteProcess> {
    const session = this.#session();
    const { sessionId } = await session.attached(signal);
    const processId = randomUUID();
    const entry: Entry = {
      process: this.#processOf(processId, sessionId),
      order: new OutputOrder(),
      sessionId,
      started: false,
      writes: 0,
    };
    this.#entries.set(processId, entry);
    const connection = session.connections;
    try {
      await session.call('process/start', { ...params, processId }, { idempotent: true, sessionId });
    } catch (error) {
      const repeated = session.connections !== connection;
      if (!repeated || !(await this.#isKnown(entry))) {
        this.#forget(processId);
        throw error;
      }
    }
    entry.started = true;
    if (session.connections !== connection) void this.#catchUp(entry);
    return entry.process;
  }

  /** Unknown notifications are none of ours: a later executor may know more. */
  notification(method: string, params: unknown): void {
    if (!isExecNotification(method)) return;
    if (method === 'process/output') {
      const { processId, seq, stream, chunk } = parseExecNotification(method, params);
      this.#push(processId, { type: 'output', seq, stream, chunk: decodeBase64(chunk) });
    } else if (method === 'process/exited') {
      const { processId, seq, exitCode, sandboxDenied } = parseExecNotification(method, params);
      this.#push(processId, { type: 'exited', seq, exitCode, sandboxDenied: sandboxDenied ?? false });
    } else if (method === 'process/closed') {
      const { processId, seq } = parseExecNotification(method, params);
      this.#push(processId, { type: 'closed', seq });
    }
  }

  resumed(): void {
    this.#applyBackPressure();
    for (const entry of this.#entries.values()) if (entry.started) void this.#catchUp(entry);
  }

  lost(error: HarnessError): void {
    for (const { process } of [...this.#entries.values()]) process.fail(error);
    this.#entries.clear();
    this.#blocked.clear();
  }

  #push(processId: string, event: ProcessEvent): void {
    const entry = this.#entries.get(processId);
    if (entry) this.#deliver(entry, entry.order.push(event));
  }

  #deliver(entry: Entry, events: readonly ProcessEvent[]): void {
    for (const event of events) entry.process.deliver(event);
    if (entry.order.closed) this.#release(entry);
  }

  /** As the real harness does after each command: the executor need not keep the output any longer. */
  #release({ process, sessionId }: Entry): void {
    if (!this.#forget(process.id)) return;
    this.#session()
      .request('process/terminate', { processId: process.id }, { sessionId })
      .catch(() => {
        // It forgets the process by itself a little later.
      });
  }

  #forget(processId: string): boolean {
    this.#setBlocked(processId, false);
    return this.#entries.delete(processId);
  }

  /** Reads on until nothing retained is left, or what is sent anew joins without a gap. */
  async #catchUp(entry: Entry): Promise<void> {
    const { order, process } = entry;
    try {
      for (;;) {
        const hadGap = order.hasGap;
        const answer = await this.#read(entry, order.lastSeq);
        if (process.ended) return;
        this.#deliver(entry, order.take(answer));
        if (order.closed || answer.chunks.length === 0 || (hadGap && !order.hasGap)) return;
      }
    } catch (cause) {
      // A further cut: the next resume reads again. Everything else is final for this process.
      if (cause instanceof HarnessError && cause.code === 'transport_error') return;
      this.#forget(process.id);
      process.fail(asProcessError(cause));
    }
  }

  async #read({ process, sessionId }: Entry, afterSeq: number): Promise<ReadAnswer> {
    const params = { processId: process.id, afterSeq, maxBytes: READ_BYTES, waitMs: 0 };
    return asReadAnswer(await this.#session().call('process/read', params, { sessionId }));
  }

  async #isKnown(entry: Entry): Promise<boolean> {
    return this.#read(entry, 0).then(
      () => true,
      () => false,
    );
  }

  #processOf(processId: string, sessionId: string): RemoteProcess {
    const idempotent = { idempotent: true, sessionId };
    return new RemoteProcess(processId, {
      write: (chunk) => this.#write(processId, chunk),
      closeStdin: async () => {
        await this.#session().request(CLOSE_STDIN, { processId }, idempotent);
      },
      interrupt: async () => {
        await this.#session().call('process/signal', { processId, signal: 'interrupt' }, { sessionId });
      },
      terminate: async () => (await this.#session().call('process/terminate', { processId }, idempotent)).running,
      blocked: (blocked) => this.#setBlocked(processId, blocked),
    });
  }

  /** One `writeId` is applied once, so it may be sent again after a cut (our-side §6). */
  async #write(processId: string, bytes: Uint8Array): Promise<void> {
    const entry = this.#entries.get(processId);
    if (!entry) throw new HarnessError('stdin_closed', 'process', 'the process has ended');
    entry.writes += 1;
    const params = { processId, chunk: Buffer.from(bytes).toString('base64'), writeId: `${processId}:${entry.writes}` };
    for (;;) {
      const options = { idempotent: true, sessionId: entry.sessionId };
      const { status } = await this.#session().call('process/write', params, options);
      if (status === 'accepted') return;
      if (status !== 'starting') throw new HarnessError('stdin_closed', 'process', 'the process takes no input');
      await pause(STARTING_PAUSE_MS, this.#clock);
    }
  }

  #setBlocked(processId: string, blocked: boolean): void {
    if (blocked) this.#blocked.add(processId);
    else this.#blocked.delete(processId);
    this.#applyBackPressure();
  }

  #applyBackPressure(): void {
    this.#session().attachment?.transport.setReading(this.#blocked.size === 0);
  }
}

function asReadAnswer({
  chunks,
  exited,
  exitCode,
  closed,
  sandboxDenied,
  failure,
}: ExecResult<'process/read'>): ReadAnswer {
  if (failure) throw new HarnessError('executor_error', 'process', failure);
  return {
    chunks: chunks.map(({ seq, stream, chunk }) => ({ seq, stream, chunk: decodeBase64(chunk) })),
    exited,
    exitCode: exitCode ?? null,
    closed,
    sandboxDenied: sandboxDenied ?? false,
  };
}

/** An executor that does not know the process any more was replaced, or forgot it. */
function asProcessError(cause: unknown): HarnessError {
  if (!(cause instanceof HarnessError))
    return new HarnessError('protocol_violation', 'process', messageOf(cause), { cause });
  if (cause.code !== 'invalid_request') return cause;
  return new HarnessError('session_lost', 'process', 'the executor no longer knows this process', { cause });
}
