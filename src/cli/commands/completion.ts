import { Argument, Command } from 'commander';
import type { CommandEntry } from '../command-entry.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export function completionCommand(commands: readonly CommandEntry[]): Command {
  return new Command('completion')
    .description('Print a script that lets the shell complete commands and flags.')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText(
      'after',
      '\nExample:\n  $ noisefleet completion bash > ~/.local/share/bash-completion/completions/noisefleet',
    )
    .action(async (shell: (typeof SHELLS)[number]) => {
      const words = await Promise.all(
        commands.map(async ({ name, summary, load }) => wordsOf(name, summary, await load())),
      );
      process.stdout.write(scriptFor(shell, words));
    });
}

/** What can follow a command. */
interface CommandWords {
  readonly name: string;
  readonly summary: string;
  readonly words: readonly string[];
}

function wordsOf(name: string, summary: string, command: Command): CommandWords {
  const flags = command.options.flatMap((option) => option.long ?? []);
  return { name, summary, words: [...command.commands.map((each) => each.name()), ...flags, '--help'] };
}

function scriptFor(shell: (typeof SHELLS)[number], commands: readonly CommandWords[]): string {
  switch (shell) {
    case 'bash':
      return bash(commands);
    case 'zsh':
      return `autoload -Uz bashcompinit && bashcompinit\n${bash(commands)}`;
    case 'fish':
      return fish(commands);
    default:
      return shell satisfies never;
  }
}

function bash(commands: readonly CommandWords[]): string {
  const cases = commands.map(({ name, words }) => `    ${name}) words='${words.join(' ')}' ;;`);
  return `_noisefleet() {
  local words current=\${COMP_WORDS[COMP_CWORD]}
  case "$COMP_CWORD:\${COMP_WORDS[1]}" in
    1:*) words='${commands.map(({ name }) => name).join(' ')} --help --version' ;;
${cases.map((each) => each.replace(/^ {4}/, '    *:')).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _noisefleet noisefleet
`;
}

function fish(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap(({ name, summary, words }) => [
    `complete -c noisefleet -n __fish_use_subcommand -a ${name} -d '${summary.replaceAll("'", '’')}'`,
    `complete -c noisefleet -n '__fish_seen_subcommand_from ${name}' -a '${words.join(' ')}'`,
  ]);
  return `${lines.join('\n')}\n`;
}
