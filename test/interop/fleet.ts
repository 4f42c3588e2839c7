import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { type RelayProxy, startRelayProxy } from '../faults/relay-proxy.ts';
import {
  cleanEnvironment,
  giveAway,
  makeFolder,
  mustBeReadable,
  onAnotherHost,
  scratchFolder,
  withoutPrivileges,
} from './user.ts';
import { waitFor } from './wait-for.ts';

/** The name of the host on which executors run here; a command that prints it ran there. */
export const EXECUTOR_HOST = 'executor.test';

const readyFile = z.looseObject({
  pid: z.number(),
  registry: z.string(),
  environments: z.record(
    z.string(),
    z.looseObject({ clientToken: z.string(), registrationToken: z.string().optional() }),
  ),
});
export type ReadyFile = z.infer<typeof readyFile>;

const processEntry = z.looseObject({ pid: z.number(), url: z.string().optional(), adminUrl: z.string().optional() });
const processesFile = z.looseObject({
  registry: processEntry,
  relay: processEntry,
  executors: z.record(z.string(), z.looseObject({ sidecar: processEntry, execServer: processEntry.optional() })),
});
const portsFile = z.looseObject({ relay: z.number() });
export type FleetProcesses = z.infer<typeof processesFile>;

export interface FleetOptions {
  /** YAML documents; `WORKSPACE` in it stands for the workspace path. */
  manifests: string;
  /** Further arguments of `noisefleet dev`. */
  arguments?: readonly string[];
}

export interface ProxiedFleet extends Fleet {
  /** Between the relay and all its peers: the registry hands out its address. */
  readonly proxy: RelayProxy;
}

/** A fleet whose relay is reached only through a proxy that can cut sockets. */
export async function startProxiedFleet(options: FleetOptions & { capture?: boolean }): Promise<ProxiedFleet> {
  const scratch = scratchFolder();
  const target = () => ({
    host: '127.0.0.1',
    port: portsFile.parse(readFile(join(scratch.path, 'state/ports.json'))).relay,
  });
  const proxy = await startRelayProxy({ target, capture: options.capture ?? false });
  const fleet = await startFleetIn(scratch, {
    ...options,
    arguments: [...(options.arguments ?? []), '--relay-public-url', proxy.url],
  });
  return {
    ...fleet,
    proxy,
    async stop() {
      await fleet.stop();
      await proxy.close();
    },
  };
}

/** `noisefleet dev` as an unprivileged user, on a host of its own as far as files and host name tell. */
export interface Fleet {
  readonly scratch: string;
  /** The same path on both sides; empty and private on the executor's. */
  readonly workspace: string;
  readonly stateDir: string;
  readonly readyFile: string;
  /** Command and first argument of the `noisefleet` that this fleet runs. */
  readonly program: readonly string[];
  readonly logFile: string;
  ready(): ReadyFile;
  processes(): FleetProcesses;
  /** A path as the executor's host sees it. */
  onExecutor(path: string): string;
  /** Starts `noisefleet ARGS` on the harness side, as the same unprivileged user. */
  noisefleet(args: readonly string[], env?: Record<string, string>): ChildProcess;
  /** Starts any command on the harness side, as the same unprivileged user. */
  unprivileged(command: readonly string[], env?: Record<string, string>): ChildProcess;
  stop(): Promise<void>;
}

const checkout = dirname(dirname(import.meta.dirname));

export function startFleet(options: FleetOptions): Promise<Fleet> {
  return startFleetIn(scratchFolder(), options);
}

async function startFleetIn(
  scratch: ReturnType<typeof scratchFolder>,
  { manifests, arguments: extra = [] }: FleetOptions,
): Promise<Fleet> {
  const at = (name: string) => join(scratch.path, name);
  const workspace = makeFolder(at('workspace'));
  for (const folder of ['manifests', 'home', 'home/tmp', 'state']) makeFolder(at(folder));
  writeFileSync(at('manifests/fleet.yaml'), manifests.replaceAll('WORKSPACE', workspace));
  giveAway(at('manifests/fleet.yaml'));

  const program = noisefleetProgram();
  const files = ['--state-dir', at('state'), '--ready-file', at('ready.json')];
  const dev = [...program, 'dev', at('manifests'), ...files, ...extra];
  const child = start(onAnotherHost(EXECUTOR_HOST, workspace, dev), cleanEnvironment(at('home')), at('dev.log'));
  await waitFor('the fleet to be ready', () => {
    if (child.exitCode !== null) throw new Error(`noisefleet dev ended:\n${readFileSync(at('dev.log'), 'utf8')}`);
    return readJson(at('ready.json'), readyFile) !== undefined;
  });

  const unprivileged = (command: readonly string[], env: Record<string, string> = {}) => {
    const [file = '', ...rest] = withoutPrivileges(command);
    const options = { cwd: at('home'), env: cleanEnvironment(at('home'), env) };
    return spawn(file, rest, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
  };

  return {
    scratch: scratch.path,
    workspace,
    stateDir: at('state'),
    readyFile: at('ready.json'),
    program,
    logFile: at('dev.log'),
    ready: () => readyFile.parse(readFile(at('ready.json'))),
    processes: () => processesFile.parse(readFile(at('state/processes.json'))),
    onExecutor: (path) => join(`/proc/${child.pid}/root`, path),
    noisefleet: (args, env) => unprivileged([...program, ...args], { NOISEFLEET_READY_FILE: at('ready.json'), ...env }),
    unprivileged,
    async stop() {
      await end(child);
      scratch.remove();
    },
  };
}

/** How the `noisefleet` of this checkout is called. */
export function noisefleetProgram(): readonly string[] {
  const main = join(checkout, 'src/cli/main.mjs');
  mustBeReadable(main);
  return [process.execPath, main];
}

function start(command: readonly string[], env: NodeJS.ProcessEnv | undefined, logFile: string): ChildProcess {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const log = createWriteStream(logFile);
  child.stdout?.pipe(log);
  child.stderr?.pipe(log);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

function readFile(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** The parsed file, or undefined while it is not there. */
function readJson<Schema extends z.ZodType>(path: string, schema: Schema): z.infer<Schema> | undefined {
  try {
    return schema.parse(readFile(path));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Waits for the end of a child and collects what it printed. */
export async function finished(child: ChildProcess): Promise<Finished> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}
