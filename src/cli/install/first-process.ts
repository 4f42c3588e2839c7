import { join } from 'node:path';
import { throughLoader } from './programs.ts';

/**
 * What the shell runs as the first process: it passes SIGTERM on, and in `wait` it reaps whatever was left to it. A signal ends `wait` early,
 * with a code over 128.
 */
const REAP = `child=
trap 'kill -TERM "$child"' TERM
"$@" & child=$!
wait "$child"; code=$?
while [ "$code" -gt 128 ] && kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
exit "$code"`;

/**
 * The first process of a container inherits every process whose parent has ended, and has to reap it: Node reaps only its own children, and
 * zombies would fill the container's process limit. So where we are the first process and there is a shell, it takes our place and starts
 * this program again as its child. Does not return then.
 *
 * @param shell the command of the shell, undefined where there is none
 * @param folder where `install-exec-server` has put us
 */
export function leaveFirstPlace(shell: readonly string[] | undefined, folder: string): void {
  const [file] = shell ?? [];
  if (process.pid !== 1 || shell === undefined || file === undefined) return;
  const again = [...throughLoader(folder, join(folder, 'node')), ...process.execArgv, ...process.argv.slice(1)];
  process.execve?.(file, [...shell, '-c', REAP, 'noisefleet', ...again], process.env);
}
