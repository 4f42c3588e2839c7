import { Command, InvalidArgumentError } from 'commander';
import type { StoredExecutor } from '../../../api/index.ts';
import { systemClock } from '../../../telemetry/index.ts';
import { CliError } from '../../client/cli-error.ts';
import { type ClusterFlags, withClusterFlags } from '../../cluster/cluster-flags.ts';
import { openCluster } from '../../cluster/open-cluster.ts';
import { EXIT, UsageError } from '../../exit.ts';
import { Campaign, isOver, type Target } from '../../keys/campaign.ts';
import { chooseExecutors } from '../../keys/choose.ts';
import { progressBar } from '../../keys/progress-bar.ts';
import { requestValue, whoAsks } from '../../keys/request.ts';
import { rotationDocument } from '../../keys/rotation-document.ts';
import { counted, progressLine, rotationLine } from '../../keys/rotation-text.ts';
import { documentIn, outputFlag } from '../../output/output-format.ts';
import { stopRequest } from '../../serve.ts';
import { type WaitFlags, waitFlags } from '../../wait-flags.ts';

interface RotateFlags extends ClusterFlags, WaitFlags {
  readonly allNamespaces: boolean;
  readonly selector?: string;
  readonly reason?: string;
  readonly request?: string;
  readonly rate: number;
  readonly atOnce: number;
  readonly output?: 'json' | 'yaml';
}

/** The new key is there in seconds, of a thousand executors in minutes. */
const TIMEOUT = '15m';

/** A thousand executors in two minutes; an API server that others use too hardly notices. */
const RATE = 10;
const MAX_RATE = 200;

/** What is under way when something turns out to be wrong, and is then waited for. */
const AT_ONCE = 50;
const MAX_AT_ONCE = 1000;

/** As long as a value of an annotation that is remembered as it is, with our prefix. */
const REQUEST_ID = /^[A-Za-z0-9][A-Za-z0-9._:+/-]{0,127}$/;

export function rotateCommand(): Command {
  const command = new Command('rotate')
    .description('Ask for a new key of executors. Running sessions notice nothing, new ones get the new key.')
    .argument('[executor...]', 'NAME or NAMESPACE/NAME')
    .option('-l, --selector <selector>', 'all executors with these labels, such as tier=ci')
    .option('-A, --all-namespaces', 'of every namespace', false)
    .option('--reason <text>', 'for the history of keys')
    .option(
      '--request <id>',
      'go on with an earlier call of this id: who has got its rotation gets no other',
      requestId,
    )
    .option('--rate <number>', 'requests a second, at most', numberUpTo(MAX_RATE), RATE)
    .option('--at-once <number>', 'with --wait: rotations under way, at most', numberUpTo(MAX_AT_ONCE), AT_ONCE)
    .addOption(outputFlag('json', 'yaml'))
    .addHelpText(
      'after',
      `
Needs the role noisefleet-key-rotator, or noisefleet-edit, in the namespace.
Without --wait it ends when all were asked. Exit code: 0 done, 3 when somebody has not got it in time.
Stopped, or not finished: the same call with --request goes on where it was.

Examples:
  $ noisefleet rotate build -n team-a --wait --reason "quarterly, CHG-1042"
  $ noisefleet rotate -A -l tier=ci --wait --request CHG-1042`,
    )
    .action(rotate);
  return withClusterFlags(waitFlags(command, 'until each has its new key', TIMEOUT));
}

async function rotate(names: readonly string[], flags: RotateFlags): Promise<void> {
  const { selector, allNamespaces, reason, request = new Date().toISOString() } = flags;
  if (names.length === 0 && selector === undefined) throw new UsageError('name executors, or choose them with -l');
  if (names.length > 0 && (selector !== undefined || allNamespaces)) {
    throw new UsageError('names, or -l with or without -A: not both');
  }
  const cluster = await openCluster(flags);
  try {
    const { api } = cluster;
    const namespace = allNamespaces ? undefined : (flags.namespace ?? cluster.namespace);
    const chosen = await chooseExecutors(api, { namespace, names, labelSelector: selector });
    for (const line of chosen.leftOut) process.stderr.write(`${line}\n`);
    if (chosen.executors.length === 0) throw new CliError('no executor is chosen whose keys are ours to change');
    await runCampaign(
      chosen,
      { ...flags, request },
      {
        ...{ api, clock: systemClock, labelSelector: selector, rate: flags.rate, atOnce: flags.atOnce },
        namespace: chosen.namespace,
        value: requestValue(request),
        words: { requestedBy: await whoAsks(api), reason },
      },
    );
  } finally {
    await cluster.close();
  }
}

type CampaignSettings = Omit<ConstructorParameters<typeof Campaign>[1], 'tell'>;

async function runCampaign(
  { executors }: { readonly executors: readonly StoredExecutor[] },
  flags: RotateFlags & { readonly request: string },
  settings: CampaignSettings,
): Promise<void> {
  const { wait, timeout, output, request } = flags;
  const forPeople = output === undefined;
  const bar = progressBar(process.stderr, (text) => forPeople && process.stdout.write(text));
  const told = new Set<Target>();
  const tell = (target: Target) => {
    const isLast = wait ? isOver(target) : target.askedAt !== undefined;
    if (isLast && !told.has(target)) bar.print(rotationLine(target));
    if (isLast) told.add(target);
    bar.draw(progressLine(campaign.targets));
  };
  const campaign = new Campaign(executors, { ...settings, tell });
  const stopping = new AbortController();
  void stopRequest().then((signal) => stopping.abort(signal));
  const timer = systemClock.after(timeout, () => wait && stopping.abort('the time is over'));
  const already = campaign.targets.filter(isOver).length;
  if (forPeople && already > 0) bar.print(`${counted(already)} had got it before`);
  try {
    await (wait ? campaign.askAndFollow(stopping.signal) : campaign.ask(stopping.signal));
  } catch (error) {
    bar.end();
    process.stderr.write(goOn(flags, campaign.targets));
    throw error;
  } finally {
    timer.cancel();
    bar.end();
  }
  if (output !== undefined) process.stdout.write(documentIn(output, rotationDocument(request, campaign.targets)));
  finish(campaign.targets, told, flags, stopping.signal);
}

/** Says who has not got it, and what to do. */
function finish(
  targets: readonly Target[],
  told: ReadonlySet<Target>,
  flags: RotateFlags & { readonly request: string },
  { aborted, reason }: AbortSignal,
): void {
  const missing = targets.filter((target) =>
    flags.wait ? target.standing.type !== 'done' : target.standing.type === 'open',
  );
  if (missing.length === 0) return;
  process.exitCode = EXIT.notReady;
  const open = missing.filter((target) => !told.has(target));
  for (const target of open.slice(0, MOST_NAMED)) process.stderr.write(`${rotationLine(target)}\n`);
  if (open.length > MOST_NAMED) process.stderr.write(`and ${open.length - MOST_NAMED} more\n`);
  const why = aborted ? `${String(reason)}: ` : '';
  process.stderr.write(
    `${why}${missing.length} of ${counted(targets.length)} have not got it\n${goOn(flags, targets)}`,
  );
}

/** Executors named one by one when not all have got it. */
const MOST_NAMED = 20;

/** The call that goes on. */
function goOn(
  { request, selector, allNamespaces, wait }: RotateFlags & { request: string },
  targets: readonly Target[],
) {
  const [first] = targets;
  const where = allNamespaces ? ' -A' : ` -n ${first?.namespace ?? ''}`;
  const which = selector === undefined ? ` ${targets.map(({ name }) => name).join(' ')}` : ` -l '${selector}'`;
  return `  go on with:  noisefleet rotate${which}${where}${wait ? ' --wait' : ''} --request ${request}\n`;
}

function requestId(text: string): string {
  if (REQUEST_ID.test(text)) return text;
  throw new InvalidArgumentError('Write at most 128 letters, digits and . _ : + / -, such as CHG-1042.');
}

function numberUpTo(most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= 1 && number <= most) return number;
    throw new InvalidArgumentError(`Write a whole number from 1 to ${most}.`);
  };
}
