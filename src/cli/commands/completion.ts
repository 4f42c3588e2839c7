import { Argument, Command } from 'commander';
import type { CommandEntry } from '../command-entry.ts';
import { flagsOf } from '../completion/candidates.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export function completionCommand(commands: readonly CommandEntry[]): Command {
  return new Command('completion')
    .description('Print a script that lets the shell complete commands, flags and names of executors.')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText(
      'after',
      '\nkubectl noisefleet is completed by kubectl’s own completion, when kubectl_complete-noisefleet is on the PATH.\n\nExample:\n  $ noisefleet completion bash > ~/.local/share/bash-completion/completions/noisefleet',
    )
    .action(async (shell: (typeof SHELLS)[number]) => {
      const words = await Promise.all(
        commands.map(async ({ name, summary, takes, load }) =>
          wordsOf(name, summary, takes !== undefined, await load()),
        ),
      );
      process.stdout.write(scriptFor(shell, words));
    });
}

/** What can follow a command. */
interface CommandWords {
  readonly name: string;
  readonly summary: string;
  /** Whether names of executors follow, which only the program itself can find. */
  readonly takesNames: boolean;
  readonly words: readonly string[];
}

function wordsOf(name: string, summary: string, takesNames: boolean, command: Command): CommandWords {
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const subcommands = command.commands.map((each) => each.name());
  return { name, summary, takesNames, words: [...subcommands, ...choices, ...flagsOf(command)] };
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

/** Commands and flags at once; the program is started only where a name of an executor may stand. */
function bash(commands: readonly CommandWords[]): string {
  const cases = commands.map(({ name, words }) => `    *:${name}) words='${words.join(' ')}' ;;`);
  const takers = commands.filter(({ takesNames }) => takesNames).map(({ name }) => name);
  return `_noisefleet() {
  local words current=\${COMP_WORDS[COMP_CWORD]}
  case "$COMP_CWORD:\${COMP_WORDS[1]}" in
    1:*) words='${commands.map(({ name }) => name).join(' ')} --help --version' ;;
${cases.join('\n')}
  esac
  case "$COMP_CWORD:\${COMP_WORDS[1]}:$current" in
    1:*|*:*:-*) ;;
    ${takers.map((name) => `*:${name}:*`).join('|')})
      words=$("\${COMP_WORDS[0]}" __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | grep -v '^:') ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _noisefleet noisefleet
`;
}

function fish(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap(({ name, summary, takesNames, words }) => [
    `complete -c noisefleet -n __fish_use_subcommand -a ${name} -d '${summary.replaceAll("'", '’')}'`,
    `complete -c noisefleet -n '__fish_seen_subcommand_from ${name}' -a '${words.join(' ')}'`,
    ...(takesNames
      ? [
          `complete -c noisefleet -n '__fish_seen_subcommand_from ${name}' -a '(noisefleet __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null | string match -v ":*")'`,
        ]
      : []),
  ]);
  return `${lines.join('\n')}\n`;
}
