import { Argument, Command, CommanderError, InvalidArgumentError } from 'commander';
import { loadImage } from './images.ts';
import { runLocked } from './lock.ts';
import { places, usersKubeconfig } from './places.ts';
import { PreflightError, requireGo, requireRoot } from './preflight.ts';
import { build, CLUSTER_PROGRAMS, isProgram, PROGRAMS } from './programs.ts';
import { foreground, StepError, script, step } from './step.ts';
import { addNode, liveNodes, up } from './up.ts';

/** Exit codes, as the product's own command has them. */
const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** The last part of an address in the nodes' network is one byte, and .254 is the host. */
const MOST_NODES = 200;

const EXAMPLES = `
Examples:
  npm run cluster -- install                  Debian packages, once
  npm run cluster -- up --nodes 2
  eval "$(npm run -s cluster -- env)"         KUBECONFIG, and kubectl on the PATH
  npm run cluster -- buildah bud -t localhost/mine:1 FOLDER
  npm run cluster -- load localhost/mine:1
  npm run cluster -- daemon kill kube-apiserver
  npm run cluster -- down

With KUBECONFIG set to a cluster of your own, that one is used: up and down say so and do nothing.`;

const program = new Command('cluster')
  .description('A real Kubernetes for the tests, without Docker, on one Debian machine')
  .addHelpText('after', EXAMPLES)
  .enablePositionalOptions()
  .exitOverride();

program
  .command('up')
  .description('bring the cluster up, or up again; builds what is missing (about 8 minutes from nothing)')
  .option('--nodes <count>', 'real nodes', countOfNodes, 1)
  .action(async ({ nodes }: { nodes: number }) => {
    if (ownCluster()) return;
    await up(nodes);
    printEnvironment();
  });

program
  .command('down')
  .description('take it away with all its processes, mounts and addresses; programs and images stay in the cache')
  .action(async () => {
    if (ownCluster()) return;
    requireRoot();
    await step('cluster gone', script('down.sh'));
  });

program
  .command('status')
  .description('nodes, daemons, DNS; exits 3 when something is not well')
  .action(async () => {
    if (ownCluster()) return;
    requireRoot();
    process.exitCode = await foreground(script('status.sh'));
    if (process.exitCode === EXIT.done) printEnvironment();
  });

program
  .command('load')
  .description('load an image into every node: an OCI archive, or an image that buildah has')
  .argument('<image>')
  .action(async (image: string) => {
    refuseUsersCluster('load images in the way your cluster has for it, for example: kind load docker-image');
    await loadImage(image, runningNodes());
  });

program
  .command('build')
  .description(`build programs that are missing: ${PROGRAMS.join(', ')}; without a name, what up needs`)
  .argument('[names...]')
  .action(async (names: string[]) => {
    const unknown = names.filter((name) => !isProgram(name));
    if (unknown.length > 0) program.error(`error: no program ${unknown.join(', ')}; there are ${PROGRAMS.join(', ')}`);
    requireGo();
    await build(names.length > 0 ? names.filter(isProgram) : CLUSTER_PROGRAMS);
    process.stderr.write(`${places().bin}\n`);
  });

program
  .command('node')
  .description('add a worker, cut its power, remove it; or cut its link, and heal that')
  .addArgument(new Argument('<action>').choices(['add', 'kill', 'remove', 'cut', 'heal']))
  .addArgument(new Argument('<number>', '2, 3, …').argParser(countOfNodes))
  .action(async (action: 'add' | 'kill' | 'remove' | 'cut' | 'heal', n: number) => {
    refuseUsersCluster('this is for the cluster that up made');
    runningNodes();
    if (action === 'add') return addNode(n);
    if (n === 1) program.error('error: node1 carries the control plane: npm run cluster -- down');
    await step(`${action} node${n}`, script('node.sh', action, String(n)));
  });

program
  .command('daemon')
  .description('an outage: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, containerd, …')
  .addArgument(new Argument('<action>').choices(['start', 'stop', 'kill', 'restart']))
  .argument('<name>')
  .argument('[node]', 'node1 unless given', 'node1')
  .action(async (action: string, name: string, node: string) => {
    refuseUsersCluster('this is for the cluster that up made');
    runningNodes();
    await step(`${action} ${name} on ${node}`, script('daemon.sh', action, name, node));
  });

program
  .command('compact')
  .description('forget the history of etcd; with a restart of the API server, old watches get 410 Gone')
  .action(async () => {
    refuseUsersCluster('this is for the cluster that up made');
    runningNodes();
    await step('history compacted', script('compact.sh'));
  });

program
  .command('buildah')
  .description('buildah with its storage in the cache; arguments as buildah')
  .argument('[arguments...]')
  .allowUnknownOption()
  .passThroughOptions()
  .helpOption(false)
  .action(async (args: string[]) => {
    process.exitCode = await foreground(script('buildah.sh', ...args));
  });

program
  .command('install')
  .description('install the Debian 12 packages that up needs')
  .action(async () => {
    requireRoot();
    await step('Debian packages', script('install-debian.sh'));
  });

program.command('env').description('print what a shell needs for kubectl').action(printEnvironment);

/** Commands that would do the same work twice: one at a time. */
const EXCLUSIVE = new Set(['up', 'down', 'build', 'node', 'install']);

await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  const exitCode = EXCLUSIVE.has(args[0] ?? '') ? await runLocked(import.meta.filename, args) : undefined;
  if (exitCode !== undefined) {
    process.exitCode = exitCode;
    return;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = exitCodeOf(error);
  }
}

/** Says what went wrong, unless commander did already. What nobody expected keeps its stack. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === EXIT.done ? EXIT.done : EXIT.usage;
  if (!(error instanceof StepError || error instanceof PreflightError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  return EXIT.failed;
}

/** True, and said, when the user has a cluster. */
function ownCluster(): boolean {
  const given = usersKubeconfig(places());
  if (given === undefined) return false;
  process.stderr.write(`KUBECONFIG is set: the cluster of ${given} is used, nothing to do here\n`);
  return true;
}

function refuseUsersCluster(advice: string): void {
  const given = usersKubeconfig(places());
  if (given !== undefined) program.error(`error: KUBECONFIG is set to ${given}: ${advice}`);
}

function runningNodes(): readonly string[] {
  requireRoot();
  const nodes = liveNodes();
  if (nodes.length === 0) program.error('error: no cluster here: npm run cluster -- up');
  return nodes;
}

function printEnvironment(): void {
  const { bin, kubeconfig } = places();
  process.stdout.write(`export KUBECONFIG=${kubeconfig}\nexport PATH=${bin}:$PATH\n`);
}

function countOfNodes(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MOST_NODES) return count;
  throw new InvalidArgumentError(`a whole number from 1 to ${MOST_NODES}`);
}
