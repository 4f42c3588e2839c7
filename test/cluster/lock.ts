import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { places } from './places.ts';

/** Tells the inner process that it holds the lock. */
const HELD = 'NOISEFLEET_CLUSTER_LOCKED';

/** Exit code by which flock says that somebody else holds the lock; our commands never use it. */
const BUSY = 75;

/**
 * Runs this program again below flock(1), which Node has no call for: two at once would make the same node twice. The
 * lock ends with its process, whatever happens. `--close`: daemons that are started must not inherit it.
 *
 * @returns the exit code of the inner run, or undefined when this is the inner run
 */
export async function runLocked(program: string, args: readonly string[]): Promise<number | undefined> {
  if (process.env[HELD] !== undefined) return undefined;
  const { cache } = places();
  mkdirSync(cache, { recursive: true });
  const inner = [join(cache, 'lock'), process.execPath, program, ...args];
  const first = await flock(['--close', '--nonblock', '--conflict-exit-code', String(BUSY), ...inner]);
  if (first !== BUSY) return first;
  process.stderr.write('waiting for another "npm run cluster" to finish\n');
  return flock(['--close', ...inner]);
}

function flock(args: readonly string[]): Promise<number> {
  const child = spawn('flock', args, { stdio: 'inherit', env: { ...process.env, [HELD]: '1' } });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
