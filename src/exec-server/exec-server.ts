import { mkdir } from 'node:fs/promises';
import { type Clock, createMetrics, type Logger, type Metrics, systemClock } from '../telemetry/index.ts';
import { TokenCheck } from './authentication.ts';
import type { ExecContext } from './context.ts';
import { environmentInfo } from './environment-info.ts';
import { TOTAL_LOG_MEMORY_BYTES, TOTAL_SPILL_BYTES } from './limits.ts';
import { ByteBudget } from './output/budget.ts';
import { PipeStock } from './process/child/pipes.ts';
import { Launcher } from './process/launcher.ts';
import { enforcePolicy } from './sandbox/enforce.ts';
import { containerPolicy, type SandboxPolicy } from './sandbox/policy.ts';
import { listen } from './server.ts';
import { Sessions } from './sessions.ts';

/** `container`: the container is the sandbox. `enforce`: by bubblewrap, or refused. Never ignored. */
export type SandboxMode = 'container' | 'enforce';

export interface ExecServerOptions {
  /** Loopback: there is no encryption. */
  host: string;
  /** 0: any free one. */
  port: number;
  /** SHA-256 of the bearer token, hexadecimal: the token itself stays with the sidecar (design §6). */
  tokenSha256: string;
  sandbox: SandboxMode;
  /** For unlinked files with output that nobody fetched yet; made when missing. Undefined: output is kept in memory only. */
  spillDirectory?: string | undefined;
  /** The `cwd` of `environment/info`: where a harness starts its commands. Our own working directory by default. */
  workspace?: string | undefined;
  /** The command of a POSIX shell, which gives programs their terminals; the image's own by default. */
  shell?: readonly string[] | undefined;
  /** The command that makes pipes; looked for on PATH by default. */
  mkfifo?: readonly string[] | undefined;
  /** What commands may inherit from, our own variables left out. `process.env` by default. */
  ownEnvironment?: Readonly<Record<string, string | undefined>>;
  version: string;
  logger: Logger;
  metrics?: Metrics;
  clock?: Clock;
}

/** Where every image that has a shell has it. */
export const IMAGE_SHELL = '/bin/sh';

export interface ExecServer {
  /** `ws://host:port` */
  readonly url: string;
  /** Ends all sessions with all their processes, and closes. */
  close(): Promise<void>;
}

/** @throws RangeError for a digest that is none; Error of the system call when the address or the directory cannot be used */
export async function startExecServer(options: ExecServerOptions): Promise<ExecServer> {
  const { logger, spillDirectory, clock = systemClock, version } = options;
  const token = new TokenCheck(options.tokenSha256);
  if (spillDirectory !== undefined) await mkdir(spillDirectory, { recursive: true, mode: 0o700 });
  const instruments = createInstruments(options.metrics ?? createMetrics({ component: 'exec-server', version }));
  const pipes = await PipeStock.create(spillDirectory, options.mkfifo ?? ['mkfifo']);
  if (!pipes) logger.warn('no mkfifo or no spill directory, commands get sockets and cannot open /dev/stdout by name');
  const sandbox = await policyOf(options.sandbox, logger);
  const sessions = new Sessions({ clock, logger, count: instruments.sessions });
  const launcher = new Launcher({
    clock,
    logger,
    sandbox,
    pipes,
    shell: options.shell ?? [IMAGE_SHELL],
    spillDirectory,
    spillBudget: new ByteBudget(TOTAL_SPILL_BYTES, (used) => instruments.spill.set(used)),
    memoryBudget: new ByteBudget(TOTAL_LOG_MEMORY_BYTES, (used) => instruments.memory.set(used)),
    ownEnvironment: options.ownEnvironment ?? process.env,
    started: () => instruments.processes.add(),
  });
  const context: ExecContext = {
    clock,
    logger,
    sessions,
    launcher,
    sandbox,
    info: environmentInfo(options.workspace ?? process.cwd(), version),
    opened: (how) => instruments.opened.add(1, { how }),
    sent: (bytes) => instruments.output.add(bytes),
  };
  const refused = (status: number) => instruments.refused.add(1, { status: String(status) });
  const listener = await listen({ context, token, host: options.host, port: options.port, refused });
  logger.info({ sandbox: options.sandbox }, 'exec-server ready');
  return {
    url: listener.url,
    async close() {
      await Promise.all([sessions.endAll(), listener.close()]);
      // A start under way when the sockets closed detached its session meanwhile.
      await sessions.endAll();
      pipes?.close();
      launcher.close();
    },
  };
}

async function policyOf(mode: SandboxMode, logger: Logger): Promise<SandboxPolicy> {
  if (mode === 'container') return containerPolicy;
  const policy = await enforcePolicy(process.env);
  if (policy.problem !== undefined) logger.warn({ problem: policy.problem }, 'sandboxed commands will be refused');
  return policy;
}

function createInstruments(metrics: Metrics) {
  const name = (suffix: string) => `noisefleet_exec_server_${suffix}`;
  return {
    sessions: metrics.gauge(name('sessions'), 'Sessions, attached and detached.'),
    opened: metrics.counter(name('sessions_opened_total'), 'Sessions opened, by how: new or resumed.', ['how']),
    processes: metrics.counter(name('processes_started_total'), 'Processes started.'),
    output: metrics.counter(name('output_bytes_total'), 'Output of processes that was sent, decoded.'),
    spill: metrics.gauge(name('spill_bytes'), 'Size of all spill files.'),
    memory: metrics.gauge(
      name('output_memory_bytes'),
      'Output in memory, with what each entry costs beside its bytes.',
    ),
    refused: metrics.counter(name('upgrades_refused_total'), 'Connections refused, by HTTP status.', ['status']),
  };
}
