import { randomUUID } from 'node:crypto';
import { type ExecOptions, type Harness, HarnessError, type RemoteProcess } from '../../harness/index.ts';
import type { Input } from './standard-streams.ts';

/**
 * Makes a pipe with a name, waits until the command reads it, says so with one byte, and copies its input there first, then back to us: what
 * came back was written.
 */
const FEED = 'umask 077; mkfifo "$0" && exec 3>&1 && exec >"$0" && printf . >&3 && exec tee /dev/fd/3';

/** Waits for that pipe for ten seconds, takes it as standard input, and becomes the command. */
const FED = [
  'n=0',
  'while [ ! -p "$0" ]; do n=$((n+1)); [ $n -gt 500 ] && { echo "no pipe for standard input" >&2; exit 125; }; sleep 0.02; done',
  'exec <"$0"',
  'rm -f "$0"',
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
  const pipe = `${decodeURIComponent(new URL(temp).pathname).replace(/\/+$/, '')}/noisefleet-stdin-${randomUUID()}`;
  const feeder = await harness.exec({ argv: ['/bin/sh', '-c', FEED, pipe], stdin: true });
  feeder.stderr.resume();
  const command = await harness.exec({ ...options, argv: ['/bin/sh', '-c', FED, pipe, ...options.argv], stdin: false });
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
