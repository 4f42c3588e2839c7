import { type ChildProcess, spawn } from 'node:child_process';

/** After SIGTERM the program has this long. Milliseconds. */
const STOP_GRACE_MS = 5000;

/**
 * Runs a program of somebody else, which knows nothing of our stdin agreement, and ends it when our standard input closes or we
 * are told to stop. Resolves with the exit code of the program. It stays in our process group, so that killing the group gets both.
 */
export async function runOnLeash([program = '', ...args]: readonly string[]): Promise<number> {
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const stop = () => {
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS).unref();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.stdin.on('close', stop);
  process.stdin.on('error', stop);
  process.stdin.resume();
  return await exitOf(child);
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
