import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../telemetry/index.ts';
import { DevError } from './errors.ts';
import type { PlannedEnvironment } from './manifests/plan.ts';
import {
  type CommandLine,
  codexCommand,
  type ExecutorPlace,
  execServerCommand,
  sidecarCommand,
} from './processes/commands.ts';
import { findProgram } from './processes/program-path.ts';
import { type ProcessEvents, SupervisedProcess } from './processes/supervised-process.ts';
import { readFileIfThere, writeFileAtomic } from './state/atomic-file.ts';
import { type ExecutorLayout, makePrivateDirectory, type StateLayout } from './state/layout.ts';
import type { PortBook } from './state/ports.ts';
import { sha256Hex } from './state/tokens.ts';

/** Between two looks for the digest that the sidecar writes at its start. Milliseconds. */
const DIGEST_POLL_MS = 50;
const SHA256_HEX = /^[0-9a-f]{64}$/;
const TOKEN_BYTES = 32;

export interface UnitSurroundings {
  readonly layout: StateLayout;
  readonly line: CommandLine;
  readonly ports: PortBook;
  readonly environment: NodeJS.ProcessEnv;
  /** PATH where `codex` is looked for, or the path that was given. */
  readonly codex: { readonly name: string; readonly path: string };
  readonly registryUrl: string;
  readonly clock: Clock;
  events(name: string, logFile: string): ProcessEvents;
}

/**
 * What a pod is in a cluster: the sidecar and the exec-server of one executor, with an incarnation, a token and a memory volume of
 * their own. Either process may end and come back; the pair stays the same incarnation until its manifest changes.
 */
export class ExecutorUnit {
  readonly incarnation = randomUUID();
  readonly executorTokenSha256: string;
  readonly sidecar: SupervisedProcess;
  readonly execServer: SupervisedProcess;
  /** The part of the manifest that a running pair cannot follow. */
  readonly shape: string;

  private constructor(shape: string, tokenSha256: string, sidecar: SupervisedProcess, execServer: SupervisedProcess) {
    this.shape = shape;
    this.executorTokenSha256 = tokenSha256;
    this.sidecar = sidecar;
    this.execServer = execServer;
  }

  /** Prepares folders, token and ports. Nothing runs before `start`. */
  static async prepare(planned: PlannedEnvironment, around: UnitSurroundings): Promise<ExecutorUnit> {
    const layout = around.layout.executor(planned.id);
    rmSync(layout.sidecar, { recursive: true, force: true }); // an incarnation begins with an empty memory volume
    for (const folder of [layout.sidecar, layout.spill]) makePrivateDirectory(folder);
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    writeFileAtomic(layout.tokenFile, token);
    const place = await placeOf(planned, around);
    const sidecar = processOf(planned, around, {
      part: 'sidecar',
      readyUrl: `http://${place.admin}/readyz`,
      command: async () => sidecarCommand(around.line, layout, place),
    });
    const execServer = processOf(planned, around, {
      part: 'exec-server',
      readyUrl: `${place.execServerUrl.replace('ws:', 'http:')}/readyz`,
      command: execServerCommandOf(planned, layout, place, around),
      cwd: workspaceOf(planned.workspace, layout),
    });
    return new ExecutorUnit(shapeOf(planned), sha256Hex(token), sidecar, execServer);
  }

  get isReady(): boolean {
    return this.sidecar.isReady && this.execServer.isReady;
  }

  start(): void {
    this.sidecar.start();
    this.execServer.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.sidecar.stop(), this.execServer.stop()]);
  }

  kill(): void {
    this.sidecar.kill();
    this.execServer.kill();
  }
}

/** Two plans of one shape can share a running pair; keys and annotations are followed without a restart. */
export function shapeOf({ runtime, sandbox, workspace }: PlannedEnvironment): string {
  return JSON.stringify({ runtime, sandbox, workspace });
}

async function placeOf(planned: PlannedEnvironment, { ports, registryUrl }: UnitSurroundings): Promise<ExecutorPlace> {
  const admin = await ports.portOf(`${planned.id} sidecar admin`);
  const execServer = await ports.portOf(`${planned.id} exec-server`);
  return {
    environmentId: planned.id,
    runtime: planned.runtime === 'Codex' ? 'Codex' : 'BuiltIn',
    sandbox: planned.sandbox,
    admin: `127.0.0.1:${admin}`,
    registryUrl,
    execServerUrl: `ws://127.0.0.1:${execServer}`,
  };
}

interface PartOptions {
  readonly part: 'sidecar' | 'exec-server';
  readonly readyUrl: string;
  command(signal: AbortSignal): Promise<readonly string[]>;
  readonly cwd?: string;
}

function processOf(
  planned: PlannedEnvironment,
  around: UnitSurroundings,
  { part, ...spec }: PartOptions,
): SupervisedProcess {
  const name = `${planned.id} ${part}`;
  const logFile = join(around.layout.logs, `${planned.id}.${part}.log`);
  return new SupervisedProcess(
    { name, logFile, env: around.environment, ...spec },
    around.events(name, logFile),
    around.clock,
  );
}

function execServerCommandOf(
  planned: PlannedEnvironment,
  layout: ExecutorLayout,
  place: ExecutorPlace,
  { line, codex }: UnitSurroundings,
): PartOptions['command'] {
  if (planned.runtime !== 'Codex') return async () => execServerCommand(line, layout, place);
  const program = findProgram(codex.name, codex.path);
  if (program === undefined) {
    throw new DevError(
      'program_not_found',
      `${planned.id} needs the program ${codex.name}, which is not on PATH.\n  npm install -g @openai/codex, or point to it: --codex-bin PATH`,
    );
  }
  return async (signal) => codexCommand(line, place, program, await digestIn(layout.execServerDigest, signal));
}

/** The sidecar makes the token and tells its SHA-256 by this file. */
async function digestIn(path: string, signal: AbortSignal): Promise<string> {
  for (;;) {
    const digest = readFileIfThere(path)?.trim();
    if (digest !== undefined && SHA256_HEX.test(digest)) return digest;
    await pause(DIGEST_POLL_MS, undefined, { signal, ref: false });
  }
}

/** The workspace of the manifest, or one beside the state when that path belongs to somebody else on this machine. */
function workspaceOf(path: string, layout: ExecutorLayout): string {
  for (const folder of [path, join(layout.root, 'workspace')]) {
    if (isOwnFolder(folder)) return folder;
  }
  throw new DevError('state_directory_unsafe', `neither ${path} nor a folder beside the state can be made`);
}

function isOwnFolder(path: string): boolean {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const status = statSync(path);
    return status.isDirectory() && (process.getuid === undefined || status.uid === process.getuid());
  } catch {
    return false;
  }
}
