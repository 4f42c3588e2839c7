import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Places, places } from './places.ts';

/** How much of a failed step's log the error shows; the file has all of it. */
const TAIL_LINES = 15;

/** A step that did not succeed: which one, what it said at the end, and where the whole log is. */
export class StepError extends Error {
  override readonly name = 'StepError';
  readonly code: 'step_failed' | 'not_found';
  readonly step: string;
  readonly log: string;

  constructor(options: { code: StepError['code']; step: string; log: string; problem: string; cause?: unknown }) {
    const { code, step, log, problem, cause } = options;
    super(`${step}: ${problem}\nlog: ${log}`, { cause });
    this.code = code;
    this.step = step;
    this.log = log;
  }
}

export interface Command {
  readonly run: string;
  readonly arguments?: readonly string[];
  readonly directory?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

const SCRIPTS = join(import.meta.dirname, 'scripts');

/** One of the shell scripts beside this file. */
export function script(name: string, ...args: string[]): Command {
  return { run: join(SCRIPTS, name), arguments: args };
}

/**
 * Runs commands, one after the other, as one step: a line with its seconds on stderr, all output in `log/TITLE.log`.
 *
 * @throws {StepError} at the first command that fails, with the end of its output
 */
export async function step(title: string, ...commands: readonly Command[]): Promise<void> {
  const here = places();
  mkdirSync(here.logs, { recursive: true });
  const log = join(here.logs, `${title.replace(/[^\w.-]+/g, '-')}.log`);
  const output = openSync(log, 'w', 0o600);
  const began = performance.now();
  try {
    for (const command of commands) {
      writeSync(output, `$ ${[command.run, ...(command.arguments ?? [])].join(' ')}\n`);
      await succeed(title, log, run(command, here, output));
    }
  } finally {
    closeSync(output);
  }
  report(title, performance.now() - began);
}

/** Runs a command on the user's terminal. Returns its exit code. */
export function foreground(command: Command): Promise<number> {
  return run(command, places(), undefined);
}

function report(title: string, milliseconds: number): void {
  process.stderr.write(`${(milliseconds / 1000).toFixed(1).padStart(7)} s  ${title}\n`);
}

async function succeed(title: string, log: string, ended: Promise<number>): Promise<void> {
  const exitCode = await ended.catch((cause: NodeJS.ErrnoException) => {
    const problem = cause.code === 'ENOENT' ? `${cause.path} is not installed` : cause.message;
    throw new StepError({ code: 'not_found', step: title, log, problem, cause });
  });
  if (exitCode === 0) return;
  const tail = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n  ');
  throw new StepError({ code: 'step_failed', step: title, log, problem: `failed (exit ${exitCode})\n  ${tail}` });
}

/** Resolves to the exit code (128 + signal number is the shell's way; here a signal is 1). Rejects if it cannot start. */
function run(command: Command, here: Places, output: number | undefined): Promise<number> {
  const child = spawn(command.run, command.arguments ?? [], {
    cwd: command.directory,
    env: {
      ...process.env,
      NOISEFLEET_CLUSTER_CACHE: here.cache,
      NOISEFLEET_CLUSTER_STATE: here.state,
      ...command.environment,
    },
    stdio: output === undefined ? 'inherit' : ['ignore', output, output],
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
