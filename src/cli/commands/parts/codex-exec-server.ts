import { Command, Option } from 'commander';
import { runChild } from '../../agent/child.ts';
import { toolsAsFirstProcess, toolsFlag } from '../../install/tools-flag.ts';
import { digestIn } from '../../token-digest.ts';

interface CodexFlags {
  readonly listen: string;
  readonly tokenSha256File: string;
  readonly program: string;
  readonly tools?: string;
}

/** Runs a real `codex exec-server` in a workspace container: waits for the digest of the sidecar's token, which is no secret. */
export function codexExecServerCommand(): Command {
  return new Command('codex-exec-server')
    .description('Run a real codex exec-server for the sidecar, on loopback.')
    .addOption(new Option('--listen <url>', 'ws://127.0.0.1:PORT').makeOptionMandatory())
    .addOption(
      new Option(
        '--token-sha256-file <file>',
        'SHA-256 of the sidecar’s token, in hex; waited for',
      ).makeOptionMandatory(),
    )
    .addOption(toolsFlag())
    .addOption(new Option('--program <path>', 'codex itself').default('codex'))
    .addHelpText(
      'after',
      '\nExample:\n  $ noisefleet codex-exec-server --listen ws://127.0.0.1:8090 --token-sha256-file state/exec-server-token.sha256',
    )
    .action(async ({ listen, tokenSha256File, program, tools }: CodexFlags) => {
      await toolsAsFirstProcess(tools);
      const digest = await digestIn(tokenSha256File);
      const authentication = ['--ws-auth', 'capability-token', '--ws-token-sha256', digest];
      const argv = [program, 'exec-server', '--listen', listen, ...authentication];
      process.exit(await runChild({ argv, env: process.env }));
    });
}
