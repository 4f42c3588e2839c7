import { randomUUID } from 'node:crypto';
import { type ExecOptions, type Harness, HarnessError, type RemoteProcess } from '../../harness/index.ts';
import type { Input } from './standard-streams.ts';

/**
 * Makes a pipe with one of two names, waits until the command reads it, says so with one byte, and copies its input there first, then back to
 * us: what came back was written.
 */
const FEED = [
  'umask 077; p=$0; mkfifo "$p" 2>/dev/null || { p=$1; mkfifo "$p"; }',
  'exec 3>&1 && exec >"$p" && printf . >&3 && exec tee /dev/fd/3',
].join(' && ');

/** Waits for that pipe for ten seconds, takes it as standard input, and becomes the command. */
const FED = [
  'n=0',
  'while :; do for p in "$0" "$1"; do [ -p "$p" ] && break 2; done; n=$((n+1))',
  '[ $n -gt 500 ] && { echo "no pipe for standard input" >&2; exit 125; }; sleep 0.02; done',
  'shift',
  'exec <"$p"',
  'rm -f "$p"',
  'exec "$@"',
].join('; ');

const FALLBACK_TEMP = '/tmp';

/**
 * A command whose standard input can be ended on executors that cannot do that: the protocol has no such call (contract §9.3). A second
 * process there writes into a named pipe; it is terminated when all that we sent has come back from it, and so the pipe ends.
 *
 * @throws HarnessError as `Harness.exec`
 */
export async function startFed(
  harness: Harness,
  options: ExecOptions,
): Promise<{ command: RemoteProcess; input: Input }> {
  const temp = harness.info.tempDir ?? `file://${FALLBACK_TEMP}`;
  const name = `noisefleet-stdin-${randomUUID()}`;
  // Where the temporary directory is not to be written to, the workspace is.
  const pipes = [
    `${decodeURIComponent(new URL(temp).pathname).replace(/\/+$/, '')}/${name}`,
    `${harness.workspace}/.${name}`,
  ];
  const feeder = await harness.exec({ argv: ['/bin/sh', '-c', FEED, ...pipes], stdin: true });
  feeder.stderr.resume();
  const argv = ['/bin/sh', '-c', FED, ...pipes, ...options.argv];
  const command = await harness.exec({ ...options, argv, stdin: false });
  command.closed
    .then(() => feeder.terminate())
    .catch(() => {
      // With the session gone both are.
    });
  return { command, input: feederInput(feeder) };
}

function feederInput(feeder: RemoteProcess): Input {
  // The byte that says that the command reads is one more than what we sent.
  let expected = 1;
  let returned = 0;
  let ending = false;
  const { promise: allReturned, resolve, reject } = Promise.withResolvers<void>();
  const look = () => {
    if (ending && returned >= expected) resolve();
  };
  feeder.stdout.on('data', (chunk: Buffer) => {
    returned += chunk.length;
    look();
  });
  feeder.closed.then(
    () => reject(new HarnessError('stdin_closed', 'process', 'the command takes no more input')),
    reject,
  );
  // Whoever ends the input waits for it; until then its failure is nobody's.
  allReturned.catch(() => {});
  return {
    async write(chunk) {
      expected += chunk.length;
      await feeder.write(chunk);
    },
    async end() {
      ending = true;
      look();
      await allReturned;
      await feeder.terminate();
    },
  };
}
