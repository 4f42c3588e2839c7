import { Command } from 'commander';
import { type ExecOptions, type Harness, HarnessError, type RemoteProcess } from '../../harness/index.ts';
import { RpcError } from '../../wire/index.ts';
import { CliError } from '../client/cli-error.ts';
import { openHarness } from '../client/open-harness.ts';
import { explain } from '../client/refusal.ts';
import { findConnection } from '../connection/find-connection.ts';
import { type ConnectionFlags, withConnectionFlags } from '../connection/flags.ts';
import { startFed } from '../exec/fed-command.ts';
import { Interruption } from '../exec/interruption.ts';
import { directoryIn, inTerminalOf, parseAssignment } from '../exec/remote-command.ts';
import { BROKEN_PIPE, copyIn, copyOut, type Input, pipeInput, terminalInput } from '../exec/standard-streams.ts';
import { collect } from '../flags.ts';

interface ExecFlags extends ConnectionFlags {
  readonly tty: boolean;
  readonly interactive: boolean;
  readonly stdin: boolean;
  readonly directory?: string;
  readonly env?: readonly [string, string][];
  readonly verbose: boolean;
}

export function execCommand(): Command {
  const command = new Command('exec')
    .description('Run one command on an executor, with its output, input and exit code here.')
    .argument('<environment>', 'demo, default/demo or default_demo')
    .argument('<command...>', 'after --: the program and its arguments')
    .option('-t, --tty', 'give it a terminal', false)
    .option('-i, --interactive', 'pass on what is typed here, also without -t', false)
    .option('--no-stdin', 'give it no input, even when something is piped in')
    .option('-C, --directory <dir>', 'where it runs, from the workspace if relative')
    .option('-e, --env <name=value>', 'set a variable; NAME alone passes its value on', collect(parseAssignment))
    .option('-v, --verbose', 'say what happens on the way, on standard error', false)
    .addHelpText(
      'after',
      '\nExit code: that of the command; 1 failed, 3 not ready, 4 refused before it started.\n\nExamples:\n  $ noisefleet exec demo -- uname -sm\n  $ noisefleet exec -t demo -- bash\n  $ tar c . | noisefleet exec demo -- tar x',
    )
    .action(runExec);
  return withConnectionFlags(command);
}

async function runExec(environment: string, argv: readonly string[], flags: ExecFlags): Promise<void> {
  const connection = await findConnection(environment, 'harness', flags);
  const tell = flags.verbose ? (line: string) => process.stderr.write(`${line}\n`) : undefined;
  const interruption = new Interruption();
  const harness = await openHarness(connection, { signal: interruption.signal, ...(tell && { tell }) });
  const started = performance.now();
  try {
    process.exitCode = await runThere(harness, argv, flags, interruption);
    tell?.(summary(harness, process.exitCode, performance.now() - started));
  } catch (error) {
    throw explainStart(error, argv) ?? explain(error, connection);
  } finally {
    interruption.stop();
    harness.close();
    process.stdin.destroy();
  }
}

async function runThere(
  harness: Harness,
  argv: readonly string[],
  flags: ExecFlags,
  interruption: Interruption,
): Promise<number> {
  const { command, input } = await start(harness, argv, flags);
  interruption.aimAt(command);
  const raw = flags.tty && process.stdin.isTTY;
  if (raw) process.stdin.setRawMode(true);
  try {
    if (input) void copyIn(process.stdin, input);
    const outputs: [RemoteProcess['stdout'], NodeJS.WriteStream][] = [
      [command.stdout, process.stdout],
      [command.pty, process.stdout],
      [command.stderr, process.stderr],
    ];
    const copied = Promise.all(
      outputs.map(async ([from, to]) => {
        const complete = await copyOut(from, to);
        if (!complete) await command.terminate();
        return complete;
      }),
    );
    const [complete, { exitCode }] = await Promise.all([copied, command.closed]);
    return complete.every(Boolean) ? exitCode : BROKEN_PIPE;
  } finally {
    if (raw) process.stdin.setRawMode(false);
  }
}

async function start(
  harness: Harness,
  argv: readonly string[],
  flags: ExecFlags,
): Promise<{ command: RemoteProcess; input?: Input }> {
  const options = {
    argv,
    cwd: directoryIn(harness.workspace, flags.directory),
    env: Object.fromEntries(flags.env ?? []),
  } satisfies ExecOptions;
  if (flags.tty) {
    const { rows, columns, isTTY } = process.stdout;
    const term = process.env.TERM;
    const command = await harness.exec({
      ...options,
      argv: isTTY ? inTerminalOf({ rows, columns }, argv) : argv,
      env: { ...(term !== undefined && { TERM: term }), ...options.env },
      tty: true,
      stdin: true,
    });
    return flags.stdin ? { command, input: terminalInput(command) } : { command };
  }
  if (!flags.stdin || (process.stdin.isTTY && !flags.interactive)) return { command: await harness.exec(options) };
  if (!(await harness.canCloseStdin())) return startFed(harness, options);
  const command = await harness.exec({ ...options, stdin: true });
  return { command, input: pipeInput(command) };
}

/** An executor says "No such file or directory": of what, is for us to say. */
function explainStart(error: unknown, [program]: readonly string[]): CliError | undefined {
  if (!(error instanceof HarnessError) || error.step !== 'request' || !(error.cause instanceof RpcError))
    return undefined;
  return new CliError(`${program} cannot be started there: ${error.cause.message}`, { code: error.code });
}

function summary(harness: Harness, exitCode: number, milliseconds: number): string {
  const { protocol, traffic } = harness.diagnostics;
  const frames = traffic.framesSent + traffic.framesReceived;
  const kilobytes = ((traffic.bytesSent + traffic.bytesReceived) / 1000).toFixed(1);
  return `exit ${exitCode} · ${Math.round(milliseconds)} ms · ${protocol} · the relay saw ${frames} frames, ${kilobytes} kB, all ciphertext`;
}
