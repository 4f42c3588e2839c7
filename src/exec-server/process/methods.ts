import type { Clock } from '../../telemetry/index.ts';
import { decodeBase64, type ExecResult, type ParsedExecParams, RPC_CODES, RpcError } from '../../wire/index.ts';
import { Lane } from '../lane.ts';
import type { Pump } from '../output/pump.ts';
import type { Session } from '../session.ts';
import type { HostedProcess } from './hosted-process.ts';
import type { Launcher } from './launcher.ts';
import { readProcess } from './read.ts';

export type CloseStdinStatus = 'accepted' | 'unknownProcess' | 'stdinClosed';

/**
 * `process/*` on the session of one connection. Requests take effect in the order they came; only the waits of `process/read`, and of the
 * answer to a `process/write` whose child is slow, do not hold up what comes after them.
 */
export class ProcessMethods {
  readonly #session: Session;
  readonly #launcher: Launcher;
  readonly #pump: Pump;
  readonly #clock: Clock;
  readonly #lane = new Lane();

  constructor(options: { session: Session; launcher: Launcher; pump: Pump; clock: Clock }) {
    this.#session = options.session;
    this.#launcher = options.launcher;
    this.#pump = options.pump;
    this.#clock = options.clock;
  }

  start(params: ParsedExecParams<'process/start'>): Promise<ExecResult<'process/start'>> {
    return this.#lane.run(async () => {
      let sandboxType: string | undefined;
      const process = await this.#session.start(params.processId, async () => {
        const launched = await this.#launcher.launch(params, (process) => this.#session.entry(process));
        sandboxType = launched.sandboxType;
        return launched.process;
      });
      // After the answer: a client that registers the process when it is answered misses nothing.
      setImmediate(() => this.#pump.add(process));
      return { processId: params.processId, sandboxType };
    });
  }

  async read(params: ParsedExecParams<'process/read'>): Promise<ExecResult<'process/read'>> {
    const process = await this.#lane.run(() => this.#find(params.processId));
    if (!process) throw new RpcError(RPC_CODES.INVALID_REQUEST, `unknown process id ${params.processId}`);
    const { result, upTo } = await readProcess(process, params, this.#clock);
    this.#pump.read(process, params.afterSeq ?? 0, upTo);
    return result;
  }

  async write(params: ParsedExecParams<'process/write'>): Promise<ExecResult<'process/write'>> {
    const bytes = decode(params.chunk);
    const { answer } = await this.#lane.run(() => {
      const process = this.#find(params.processId);
      // Wrapped: the lane must not wait for a child that is slow to read.
      return { answer: process?.write(params.writeId, bytes) };
    });
    return { status: (await answer) ?? 'unknownProcess' };
  }

  signal(params: ParsedExecParams<'process/signal'>): Promise<ExecResult<'process/signal'>> {
    return this.#lane.run(() => {
      this.#find(params.processId)?.interrupt();
      return {};
    });
  }

  terminate(params: ParsedExecParams<'process/terminate'>): Promise<ExecResult<'process/terminate'>> {
    return this.#lane.run(() => ({ running: this.#find(params.processId)?.terminate() ?? false }));
  }

  /** `process/closeStdin`, our own: the contract has no end of input. */
  closeStdin(processId: string): Promise<{ status: CloseStdinStatus }> {
    return this.#lane.run(() => ({ status: this.#find(processId)?.endInput() ?? 'unknownProcess' }));
  }

  #find(processId: string): HostedProcess | undefined {
    return this.#session.find(processId);
  }
}

function decode(chunk: string): Buffer {
  try {
    return decodeBase64(chunk);
  } catch (cause) {
    throw new RpcError(RPC_CODES.INVALID_PARAMS, 'process/write: chunk is not standard base64 with padding', { cause });
  }
}
