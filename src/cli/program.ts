import { basename } from 'node:path';
import { Command, CommanderError } from 'commander';
import type { CommandEntry } from './command-entry.ts';
import { describeError, EXIT, exitCodeOf } from './exit.ts';
import { checkNeededFlags } from './flags.ts';
import { productVersion } from './product-version.ts';

/**
 * Every command with what loads it. Only the one that was asked for is loaded: relay and executor stay small because nothing of
 * the others comes along.
 */
const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'dev',
    arguments: '[folder]',
    summary: 'the whole product on this machine, for trying',
    load: async () => (await import('./commands/dev.ts')).devCommand(),
  },
  {
    name: 'exec',
    summary: 'run one command on an executor',
    takes: 'environment',
    load: async () => (await import('./commands/exec.ts')).execCommand(),
  },
  {
    name: 'cp',
    summary: 'copy files to and from an executor',
    takes: 'environment',
    load: async () => (await import('./commands/cp.ts')).cpCommand(),
  },
  {
    name: 'run',
    summary: 'run a coding agent here whose commands run there',
    takes: 'environment',
    load: async () => (await import('./commands/run.ts')).runCommand(),
  },
  {
    name: 'join',
    summary: 'let this host be an External executor',
    takes: 'environment',
    load: async () => (await import('./commands/join.ts')).joinCommand(),
  },
  {
    name: 'connect',
    summary: 'print what a coding agent needs to connect by itself',
    takes: 'environment',
    load: async () => (await import('./commands/connect.ts')).connectCommand(),
  },
  {
    name: 'doctor',
    summary: 'say what stands between here and an executor',
    takes: 'environment',
    load: async () => (await import('./commands/doctor.ts')).doctorCommand(),
  },
  {
    name: 'status',
    summary: 'show which relays and executors are ready, and why others are not',
    takes: 'executor',
    load: async () => (await import('./commands/status.ts')).statusCommand(),
  },
  {
    name: 'suspend',
    summary: 'take the pod of an executor away, and keep the rest',
    takes: 'executor',
    load: async () => (await import('./commands/operating-mode.ts')).suspendCommand(),
  },
  {
    name: 'resume',
    summary: 'give a suspended executor a pod again',
    takes: 'executor',
    load: async () => (await import('./commands/operating-mode.ts')).resumeCommand(),
  },
  {
    name: 'rotate',
    summary: 'ask for a new key of executors',
    takes: 'executor',
    load: async () => (await import('./commands/keys/rotate.ts')).rotateCommand(),
  },
  {
    name: 'revoke',
    summary: 'refuse one key of an executor from now on',
    takes: 'executor',
    load: async () => (await import('./commands/keys/revoke.ts')).revokeCommand(),
  },
  {
    name: 'keys',
    summary: 'show the keys of an executor, and their history',
    takes: 'executor',
    load: async () => (await import('./commands/keys/keys.ts')).keysCommand(),
  },
  {
    name: 'who-can',
    summary: 'say who may connect to an executor, or change its keys',
    load: async () => (await import('./commands/keys/who-can.ts')).whoCanCommand(),
  },
  {
    name: 'config',
    summary: 'write down where a registry is, for those who may not read Relays',
    load: async () => (await import('./commands/config.ts')).configCommand(),
  },
  {
    name: 'key',
    summary: 'create and look at key files',
    load: async () => (await import('./commands/key.ts')).keyCommand(),
  },
  {
    name: 'operator',
    summary: 'run what Relays and Executors of a cluster ask for',
    load: async () => (await import('./commands/parts/operator.ts')).operatorCommand(),
  },
  {
    name: 'registry',
    summary: 'serve register, connect and validate',
    load: async () => (await import('./commands/parts/registry.ts')).registryCommand(),
  },
  {
    name: 'relay',
    summary: 'forward frames between harnesses and executors',
    load: async () => (await import('./commands/parts/relay.ts')).relayCommand(),
  },
  {
    name: 'executor',
    summary: 'the sidecar: hold keys and sessions, forward to an exec-server',
    load: async () => (await import('./commands/parts/executor.ts')).executorCommand(),
  },
  {
    name: 'exec-server',
    summary: 'run commands and serve files on loopback',
    load: async () => (await import('./commands/parts/exec-server.ts')).execServerCommand(),
  },
  {
    name: 'completion',
    summary: 'print a completion script for bash, zsh or fish',
    load: async () => (await import('./commands/completion.ts')).completionCommand(COMMANDS),
  },
  {
    name: 'version',
    summary: 'print the version, of the operator in the cluster too',
    load: async () => (await import('./commands/version.ts')).versionCommand(),
  },
];

/** What a supervisor calls and nobody types: loaded like the others, listed nowhere. */
const HIDDEN_COMMANDS: readonly CommandEntry[] = [
  {
    name: '__complete',
    summary: 'print what may follow these words',
    load: async () => (await import('./commands/complete.ts')).completeCommand(COMMANDS),
  },
  {
    name: 'install-exec-server',
    summary: 'copy this program and its Node to where another image can run them',
    load: async () => (await import('./commands/parts/install-exec-server.ts')).installExecServerCommand(),
  },
  {
    name: 'install-program',
    summary: 'copy a static program to where another image can run it',
    load: async () => (await import('./commands/parts/install-program.ts')).installProgramCommand(),
  },
  {
    name: 'codex-exec-server',
    summary: 'run a real codex exec-server for the sidecar',
    load: async () => (await import('./commands/parts/codex-exec-server.ts')).codexExecServerCommand(),
  },
  {
    name: 'leash',
    summary: 'run a program that ends when standard input closes',
    load: async () => (await import('./commands/parts/leash.ts')).leashCommand(),
  },
];

/** How kubectl calls plugins, and asks them to complete (`kubectl plugin --help`). */
const PLUGIN = 'kubectl-noisefleet';
const PLUGIN_COMPLETION = 'kubectl_complete-noisefleet';

/** Any span will do: that something is awaited is all that keeps the process. Milliseconds. */
const HOLD_MS = 3_600_000;

/** The whole program. Sets the exit code; leaves the process to end by itself so that output is not cut. */
export async function main(given: readonly string[]): Promise<void> {
  const [node = '', path = '', ...words] = given;
  const called = basename(path);
  const argv = called === PLUGIN_COMPLETION ? [node, path, '__complete', ...words] : given;
  // Timers of our clock hold no process: without this one, a command that waits for a retry would end in the middle of it.
  const held = setInterval(() => {}, HOLD_MS);
  process.on('unhandledRejection', (reason) => {
    process.stderr.write(`error: unhandled rejection, which is a bug: ${inspectReason(reason)}\n`);
    process.exit(EXIT.failed);
  });
  try {
    const program = await programFor(argv[2]);
    if (called === PLUGIN) program.name('kubectl noisefleet');
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage; // commander has said what is wrong
      return;
    }
    process.stderr.write(`error: ${describeError(error)}\n`);
    process.exitCode = exitCodeOf(error);
  } finally {
    clearInterval(held);
  }
}

function inspectReason(reason: unknown): string {
  return reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
}

/** The program with the asked-for command loaded and the names of the others. */
async function programFor(asked: string | undefined): Promise<Command> {
  const program = new Command('noisefleet')
    .description('Fleets of remote executors for coding agents, behind relays that can read nothing.')
    .version(`noisefleet ${productVersion()}`, '-V, --version', 'print the version')
    .helpCommand(false)
    .enablePositionalOptions()
    .showHelpAfterError('Run with --help for the flags and an example.')
    .hook('preAction', (_program, command) => checkNeededFlags(command))
    .addHelpText('after', '\nExample:\n  $ noisefleet exec demo -- uname -sm');
  for (const entry of [...COMMANDS, ...HIDDEN_COMMANDS]) {
    const command = entry.name === asked ? await entry.load() : new Command(entry.name).description(entry.summary);
    if (entry.name !== asked && entry.arguments !== undefined) command.arguments(entry.arguments);
    program.addCommand(command, { hidden: HIDDEN_COMMANDS.includes(entry) });
  }
  return exitByThrowing(program);
}

/** commander exits by itself otherwise, with 1 for wrong usage. Holds for subcommands of subcommands too. */
function exitByThrowing(command: Command): Command {
  command.exitOverride();
  command.commands.forEach(exitByThrowing);
  return command;
}
