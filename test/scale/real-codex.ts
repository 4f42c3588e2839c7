import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EnvironmentId } from '../../src/wire/index.ts';
import { newestCodex } from '../interop/codex.ts';
import { type CodexTurn, startCodexTurn } from '../interop/codex-turn.ts';
import { commandOutput } from '../interop/command-output.ts';
import { type ModelStep, runningSessionId } from '../interop/fake-model.ts';
import type { Fleet } from '../interop/fleet.ts';
import { type HostOfFleet, joinRealExecutor, startRealExecutor } from '../interop/real-executor.ts';
import { cleanEnvironment, makeFolder, withoutPrivileges } from '../interop/user.ts';
import { waitFor } from '../interop/wait-for.ts';
import { PROGRAM, type Rig } from './rig/rig.ts';

/** Longest that the model waits for a command in one call, and how often: longer than any storm. */
const YIELD_MS = 30_000;
const CALLS = 60;

/** Numbered lines until somebody makes the file `stop`. */
const PRINTING =
  ': > started; i=0; while [ ! -e stop ]; do i=$((i+1)); echo "line $i"; sleep 0.05; done; echo "end $i"';

/** How a real executor is there: by itself, or through `noisefleet join`. */
export type Joining = 'alone' | 'joined';

/** Where commands run: the path that they know, and how the same folder is reached from here. */
export interface Workspace {
  /** Of the executor, without its namespace. */
  readonly name: string;
  readonly path: string;
  readonly seenAs: string;
}

/** That of the rig's first executor. */
export function workspaceOf(rig: Rig): Workspace {
  const [executor] = rig.executors;
  if (executor === undefined) throw new Error('the rig has no executor');
  return { name: nameOf(executor.id), path: executor.workspace, seenAs: executor.workspace };
}

function nameOf(id: EnvironmentId): string {
  return id.replace(/^default_/, '');
}

/** A host outside with a real `codex exec-server --remote` on it. */
export interface RealExecutor extends Workspace {
  readonly id: EnvironmentId;
  stop(): Promise<void>;
}

/** Starts one and resolves at once: it is there when somebody can connect. */
export async function startRealExecutorAt(rig: Rig, name: string, joining: Joining): Promise<RealExecutor> {
  const id = rig.addExternal(name);
  const fleet = hostOf(rig, makeFolder(rig.files.path(`workspace-${name}`)));
  const start = joining === 'joined' ? joinRealExecutor : startRealExecutor;
  const child = await start(fleet, name, newestCodex);
  const { workspace: path } = fleet;
  return { id, name, path, seenAs: join(`/proc/${child.pid}/root`, path), stop: () => end(child) };
}

/** A real `codex exec` through `noisefleet run`: its model lets one command print until it is told to stop. */
export class CodexSession {
  readonly #turn: CodexTurn;
  readonly #workspace: Workspace;

  /** Its command prints when it resolves. */
  static async start(rig: Rig, workspace: Workspace): Promise<CodexSession> {
    const { name, path, seenAs } = workspace;
    const turn = await startCodexTurn({
      fleet: hostOf(rig, path),
      release: newestCodex,
      environment: name,
      steps: [() => ({ kind: 'exec', command: PRINTING, yieldMs: YIELD_MS }), ...Array(CALLS).fill(wait)],
      codexArguments: ['-s', 'danger-full-access'],
      home: `codex-home-${name}`,
    });
    await waitFor(`codex to run its command at ${name}`, () => existsSync(join(seenAs, 'started')));
    return new CodexSession(turn, workspace);
  }

  private constructor(turn: CodexTurn, workspace: Workspace) {
    this.#turn = turn;
    this.#workspace = workspace;
  }

  /** Ends the command. @returns how many lines there were @throws what is wrong with them */
  async finish(): Promise<number> {
    writeFileSync(join(this.#workspace.seenAs, 'stop'), '');
    const { code, stdout, stderr } = await this.#turn.result;
    if (code !== 0) throw new Error(`codex ended with ${code}: ${stderr}`);
    const lines = commandOutput(stdout, 'line').split('\n').filter(Boolean);
    const last = lines.pop();
    const wrong = lines.findIndex((line, index) => line !== `line ${index + 1}`);
    if (wrong >= 0) throw new Error(`line ${wrong + 1} of codex is "${lines[wrong]}"`);
    if (last !== `end ${lines.length}`) throw new Error(`after ${lines.length} lines codex has "${last}"`);
    return lines.length;
  }

  async stop(): Promise<void> {
    await end(this.#turn.child);
    await this.#turn.model.close();
  }
}

const wait: ModelStep = (outputs) => {
  const last = outputs.at(-1) ?? '';
  if (!/session ID/i.test(last)) return { kind: 'say', text: 'done' };
  return { kind: 'stdin', sessionId: runningSessionId(last), characters: '', yieldMs: YIELD_MS };
};

/** The rig as the interop tests see a fleet: clients and real executors are an unprivileged user there. */
function hostOf(rig: Rig, workspace: string): HostOfFleet & Pick<Fleet, 'noisefleet'> {
  const home = makeFolder(rig.files.path('scratch'));
  makeFolder(join(home, 'tmp'));
  const readyFile = rig.files.writeReadyFile(rig.registryUrl);
  return {
    workspace,
    readyFile,
    scratch: home,
    program: PROGRAM,
    ready: () => rig.files.readyFile(rig.registryUrl),
    noisefleet(args, env = {}) {
      const [file = '', ...rest] = withoutPrivileges([...PROGRAM, ...args]);
      const options = { cwd: home, env: cleanEnvironment(home, { NOISEFLEET_READY_FILE: readyFile, ...env }) };
      return spawn(file, rest, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}
