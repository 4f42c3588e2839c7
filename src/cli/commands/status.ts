import { styleText } from 'node:util';
import { Command } from 'commander';
import { type ClusterFlags, withClusterFlags } from '../cluster/cluster-flags.ts';
import { openCluster } from '../cluster/open-cluster.ts';
import { EXIT, UsageError } from '../exit.ts';
import { documentIn, type OutputFormat, outputFlag } from '../output/output-format.ts';
import { stopRequest } from '../serve.ts';
import { type Observed, type State, summariseFleet } from '../status/fleet.ts';
import { fleetText, nameText, wideText } from '../status/fleet-text.ts';
import { followFleet, observeFleet } from '../status/observe.ts';

interface StatusFlags extends ClusterFlags {
  readonly allNamespaces: boolean;
  readonly selector?: string;
  readonly output?: Exclude<OutputFormat, 'table'>;
  readonly watch: boolean;
}

export function statusCommand(): Command {
  const command = new Command('status')
    .description('Show relays and executors: how many are ready, and why the others are not.')
    .argument('[executor...]', 'only these, and their relays')
    .option('-A, --all-namespaces', 'of every namespace', false)
    .option('-l, --selector <selector>', 'only executors with these labels, such as tier=ci')
    .addOption(outputFlag('json', 'yaml', 'wide', 'name'))
    .option('-w, --watch', 'show it again at each change', false)
    .addHelpText(
      'after',
      '\nNeeds the right to read relays and executors, nothing else. Figures that cannot be had are left out.\nExit code: 0 when all is as it was asked to be, 3 when something is not ready.\n\nExamples:\n  $ noisefleet status -n team-a\n  $ noisefleet status -A -o json',
    )
    .action(showStatus);
  return withClusterFlags(command);
}

async function showStatus(names: readonly string[], flags: StatusFlags): Promise<void> {
  if (flags.allNamespaces && names.length > 0) throw new UsageError('names are of one namespace: leave out -A');
  const cluster = await openCluster(flags);
  const namespace = flags.allNamespaces ? undefined : (flags.namespace ?? cluster.namespace);
  const question = { namespace, labelSelector: flags.selector, names };
  const show = printer(flags.output ?? 'table', flags.watch);
  try {
    if (!flags.watch) return show(await observeFleet(cluster.api, question));
    const stopping = new AbortController();
    void stopRequest().then(() => stopping.abort());
    await followFleet(cluster.api, question, show, stopping.signal);
  } finally {
    await cluster.close();
  }
}

/** Prints each state of the fleet that differs from the one before, and sets the exit code by it. */
function printer(format: OutputFormat, watching: boolean): (observed: Observed) => void {
  let before: string | undefined;
  return (observed) => {
    const fleet = summariseFleet(observed);
    process.exitCode = fleet.ready ? EXIT.done : EXIT.notReady;
    const text = textIn(format, fleet);
    if (text === before) return;
    const { isTTY } = process.stdout;
    const machine = format === 'json' || format === 'yaml' || format === 'name';
    // A terminal shows the present only; a pipe gets one after the other, YAML documents with their own mark.
    if (watching && isTTY && !machine) process.stdout.write(HOME_AND_CLEAR);
    else if (before !== undefined) process.stdout.write(format === 'yaml' ? '---\n' : machine ? '' : '\n');
    process.stdout.write(text);
    before = text;
  };
}

const HOME_AND_CLEAR = '\x1b[H\x1b[2J';

function textIn(format: OutputFormat, fleet: ReturnType<typeof summariseFleet>): string {
  switch (format) {
    case 'table':
      return fleetText(fleet, paint);
    case 'wide':
      return wideText(fleet, paint, Date.now());
    case 'name':
      return nameText(fleet);
    case 'json':
    case 'yaml':
      return documentIn(format, fleet);
    default:
      return format satisfies never;
  }
}

/** Colour on a terminal only; `NO_COLOR` is honoured by `styleText`. */
function paint(state: State, text: string): string {
  return styleText(COLOURS[state], text, { stream: process.stdout });
}

const COLOURS = {
  Ready: 'green',
  Progressing: 'yellow',
  NotReady: 'red',
  Suspended: 'gray',
  Stalled: 'red',
  Unreadable: 'red',
} as const satisfies Record<State, string>;
