import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { CliError } from '../client/cli-error.ts';

/** Signals that are meant for the child. */
const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;

export interface ChildOptions {
  argv: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Called for each signal that ends programs, before it is passed on. */
  onStop?: (signal: NodeJS.Signals) => void;
}

/**
 * Runs a program in our place: our standard streams, signals passed on. Resolves to its exit code, 128 + n when signal n ended it.
 *
 * @throws CliError `not_started`
 */
export function runChild({ argv, env, onStop }: ChildOptions): Promise<number> {
  const [program = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: 'inherit' });
    const forward = (signal: NodeJS.Signals) => {
      if (signal === 'SIGTERM' || signal === 'SIGHUP' || signal === 'SIGQUIT') onStop?.(signal);
      child.kill(signal);
    };
    // A terminal sends Ctrl-C to the child as well; without one we must pass it on.
    const interrupt = () => {
      onStop?.('SIGINT');
      if (!hasTerminal()) child.kill('SIGINT');
    };
    for (const signal of FORWARDED) process.on(signal, forward);
    process.on('SIGINT', interrupt);
    const stopListening = () => {
      for (const signal of FORWARDED) process.off(signal, forward);
      process.off('SIGINT', interrupt);
    };
    child.once('error', (cause: NodeJS.ErrnoException) => {
      stopListening();
      const hint = cause.code === 'ENOENT' ? { hint: 'Is it installed, and in PATH?' } : {};
      reject(new CliError(`${program} cannot be started`, { code: cause.code ?? 'not_started', ...hint }));
    });
    child.once('exit', (code, signal) => {
      stopListening();
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

/** Whether this process has a controlling terminal, whatever its standard streams are. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
