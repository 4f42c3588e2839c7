import type { Clock, Logger } from '../../telemetry/index.ts';
import { type ParsedExecParams, RPC_CODES, RpcError } from '../../wire/index.ts';
import { parseTextPathUri } from '../files/path-uri.ts';
import { MAX_PROCESS_ID_LENGTH } from '../limits.ts';
import type { ByteBudget } from '../output/budget.ts';
import { OutputLog } from '../output/output-log.ts';
import type { SandboxedChild, SandboxPolicy } from '../sandbox/policy.ts';
import type { Child, ChildSpec } from './child/child.ts';
import { DescriptorMask } from './child/descriptor-mask.ts';
import { startPiped } from './child/piped-child.ts';
import type { PipeStock } from './child/pipes.ts';
import { loadPtyBinding, type PtyBinding } from './child/pty-binding.ts';
import { startOnTerminal } from './child/terminal-child.ts';
import { childEnvironment } from './environment.ts';
import { HostedProcess } from './hosted-process.ts';

type StartParams = ParsedExecParams<'process/start'>;

export interface LauncherOptions {
  clock: Clock;
  logger: Logger;
  sandbox: SandboxPolicy;
  pipes: PipeStock | undefined;
  /** The command of a POSIX shell, for terminals. */
  shell: readonly string[];
  spillDirectory: string | undefined;
  spillBudget: ByteBudget;
  memoryBudget: ByteBudget;
  /** What `envPolicy` inherits from. */
  ownEnvironment: Readonly<Record<string, string | undefined>>;
  started(): void;
}

export interface Launched {
  readonly process: HostedProcess;
  readonly sandboxType: SandboxedChild['type'];
}

/** Makes processes of `process/start` requests. */
export class Launcher {
  readonly #options: LauncherOptions;
  readonly #mask = new DescriptorMask();
  #pty: PtyBinding | undefined;

  constructor(options: LauncherOptions) {
    this.#options = options;
  }

  /**
   * @throws RpcError -32602 for what can never be started, -32600 for a sandbox that is refused, -32603 when the start failed
   * (program or working directory missing)
   */
  async launch(params: StartParams, onEntry: (process: HostedProcess) => void): Promise<Launched> {
    refuseManagedNetwork(params);
    const wanted = specOf(params, this.#options.ownEnvironment);
    const { spec, type } = await this.#options.sandbox.wrap(params.sandbox, wanted);
    const child = await this.#start(spec, params.tty);
    this.#options.started();
    const process = new HostedProcess({
      id: params.processId,
      child,
      clock: this.#options.clock,
      createLog: (onRoom) => this.#createLog(onRoom),
      onEntry,
    });
    return { process, sandboxType: type };
  }

  close(): void {
    this.#mask.close();
  }

  async #start(spec: ChildSpec, tty: boolean): Promise<Child> {
    try {
      if (!tty) return await startPiped(spec, this.#options.pipes, this.#mask);
      this.#pty ??= loadPtyBinding();
      const { shell } = this.#options;
      return await startOnTerminal(spec, { binding: this.#pty, mask: this.#mask, shell });
    } catch (error) {
      throw new RpcError(RPC_CODES.INTERNAL_ERROR, `the process could not be started: ${String(error)}`, {
        cause: error,
      });
    }
  }

  #createLog(onRoom: () => void): OutputLog {
    const { spillDirectory, spillBudget, memoryBudget, logger } = this.#options;
    return new OutputLog({
      spillDirectory,
      spillBudget,
      memoryBudget,
      onRoom,
      onSpillFailure: (error) =>
        logger.error({ err: error }, 'output cannot be spilled, a slow reader now stops its process'),
    });
  }
}

function specOf(params: StartParams, ownEnvironment: LauncherOptions['ownEnvironment']): ChildSpec {
  const { processId, argv, cwd, arg0, tty, pipeStdin } = params;
  const [file = '', ...args] = argv;
  if (processId.length > MAX_PROCESS_ID_LENGTH)
    throw badParams(`processId must not exceed ${MAX_PROCESS_ID_LENGTH} characters`);
  if (file === '') throw badParams('argv must not be empty and must name a program');
  const env = childEnvironment(ownEnvironment, params.envPolicy ?? undefined, params.env);
  const texts = [...argv, arg0 ?? '', ...Object.entries(env).flat()];
  if (texts.some((text) => text.includes('\0'))) throw badParams('argv, arg0 and env must not hold NUL characters');
  if (Object.keys(env).some((name) => name === '' || name.includes('=')))
    throw badParams('a name in env is empty or holds `=`');
  if (tty && arg0 !== undefined && arg0 !== null && arg0 !== file) {
    throw badParams('arg0 together with tty is not supported by this exec-server');
  }
  return { file, args, arg0: arg0 ?? undefined, cwd: parseTextPathUri(cwd), env, pipeStdin };
}

/** A proxy that watches a command's connections: only for an executor that reports it can, and never silently left out. */
function refuseManagedNetwork({ enforceManagedNetwork, managedNetwork, networkProxy }: StartParams): void {
  if (!enforceManagedNetwork && (managedNetwork ?? networkProxy ?? null) === null) return;
  throw new RpcError(RPC_CODES.INVALID_REQUEST, 'this exec-server has no managed network, as its capabilities say');
}

function badParams(message: string): RpcError {
  return new RpcError(RPC_CODES.INVALID_PARAMS, message);
}
