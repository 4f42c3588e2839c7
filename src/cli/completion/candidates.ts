import { Command, type Option } from 'commander';
import type { ClusterFlags } from '../cluster/cluster-flags.ts';
import { withClusterFlags } from '../cluster/cluster-flags.ts';
import type { CommandEntry } from '../command-entry.ts';

/** Where names of executors come from; as many as can be had quickly. */
export interface NameSource {
  /** `NAME` for those of the namespace in force, `NAMESPACE/NAME` for others. */
  executors(flags: ClusterFlags): Promise<readonly string[]>;
}

/**
 * What can stand at the end of a command line.
 *
 * @param words all words after the name of the program; the last is the one to complete, perhaps empty
 */
export async function candidates(
  words: readonly string[],
  commands: readonly CommandEntry[],
  names: NameSource,
): Promise<readonly string[]> {
  const [asked = '', ...rest] = words;
  const current = words.at(-1) ?? '';
  if (rest.length === 0) return beginning(current, [...commands.map(({ name }) => name), '--help', '--version']);
  const entry = commands.find(({ name }) => name === asked);
  // What follows -- is another program's.
  if (entry === undefined || rest.slice(0, -1).includes('--')) return [];
  const command = await entry.load();
  const sub = command.commands.find((each) => each.name() === rest[0] && rest.length > 1);
  const within = sub ?? command;
  const option = optionBefore(within, words.at(-2));
  if (option !== undefined) return beginning(current, option.argChoices ?? []);
  if (current.startsWith('-')) return beginning(current, flagsOf(within));
  const subcommands = sub === undefined ? command.commands.map((each) => each.name()) : [];
  if (subcommands.length > 0) return beginning(current, subcommands);
  const choices = within.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  if (entry.takes === undefined) return beginning(current, choices);
  return beginning(current, await names.executors(clusterFlagsIn(rest)));
}

function beginning(start: string, words: readonly string[]): readonly string[] {
  return words.filter((word) => word.startsWith(start));
}

/** All long flags of a command. */
export function flagsOf(command: Command): readonly string[] {
  return [...command.options.flatMap((option) => option.long ?? []), '--help'];
}

/** The flag whose value is to be completed. */
function optionBefore(command: Command, before: string | undefined): Option | undefined {
  return command.options.find(
    (option) => (option.required || option.optional) && (option.long === before || option.short === before),
  );
}

/** The flags that say which cluster, in a line that is not finished. */
function clusterFlagsIn(words: readonly string[]): ClusterFlags {
  const parser = withClusterFlags(new Command()).allowUnknownOption().allowExcessArguments();
  return parser
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .parse(words, { from: 'user' })
    .opts();
}
