import { Command } from 'commander';

export function leashCommand(): Command {
  return new Command('leash')
    .description('Run a program that ends when standard input closes. For supervisors of ours.')
    .argument('<program...>', 'the program and its arguments')
    .passThroughOptions()
    .addHelpText('after', '\nExample:\n  $ noisefleet leash -- codex exec-server --listen ws://127.0.0.1:0')
    .action(async (program: string[]) => {
      const { runOnLeash } = await import('../../leash.ts');
      process.exit(await runOnLeash(program));
    });
}
