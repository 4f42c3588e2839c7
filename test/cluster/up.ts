import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepareImages } from './images.ts';
import { places } from './places.ts';
import { requireCommands, requireGo, requireRoot } from './preflight.ts';
import { build, CLUSTER_PROGRAMS, programFolder } from './programs.ts';
import { type Command, script, step } from './step.ts';

/** Local volumes on the first node: a claim uses one up for good. */
const VOLUMES = 20;

/**
 * Brings the cluster up, or up again where something of it is missing. More nodes than asked for stay.
 *
 * @throws {StepError} that names the step and its log
 * @throws {PreflightError} when this machine lacks something
 */
export async function up(nodes: number): Promise<void> {
  requireRoot();
  requireCommands();
  if (CLUSTER_PROGRAMS.some((name) => !existsSync(programFolder(name)))) requireGo();
  await build(CLUSTER_PROGRAMS);
  await prepareImages();
  await controlPlane();
  for (let n = 2; n <= nodes; n++) await addNode(n);
  await step('DNS Available', script('ready.sh', 'dns'));
}

/** Node 1: control plane, DNS, network policies, volumes. Each command does nothing where its work is done. */
async function controlPlane(): Promise<void> {
  const addons = join(import.meta.dirname, 'config/addons.yaml');
  await step('certificates', script('pki.sh', '1'));
  await step('node1 power, containerd, images', script('node.sh', 'up', '1'));
  await step('API server ready', ...['etcd', 'kube-apiserver'].map(start));
  await step(
    'daemons and add-ons',
    ...['kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'].map(start),
    {
      run: join(places().bin, 'kubectl'),
      arguments: ['apply', '-f', addons],
      environment: { KUBECONFIG: places().kubeconfig },
    },
  );
  await step('node1 Ready', script('ready.sh', 'node', 'node1'), start('kube-router'));
  await step(`${VOLUMES} volumes`, script('volumes.sh', String(VOLUMES), 'node1'));
  await step('default ServiceAccount', script('ready.sh', 'service-account'));
}

/** One more worker, waited for until Ready. */
export async function addNode(n: number): Promise<void> {
  const node = `node${n}`;
  await step(`${node} power, containerd, images`, script('pki.sh', String(n)), script('node.sh', 'up', String(n)));
  const on = (daemon: string) => script('daemon.sh', 'start', daemon, node);
  await step(`${node} Ready`, on('kubelet'), on('kube-proxy'), script('ready.sh', 'node', node), on('kube-router'));
}

function start(daemon: string): Command {
  return script('daemon.sh', 'start', daemon);
}

/** Names of the nodes that have power. */
export function liveNodes(): readonly string[] {
  const { state } = places();
  if (!existsSync(state)) return [];
  return readdirSync(state)
    .filter((name) => /^node\d+$/.test(name) && hasPower(join(state, name, 'pid'), name))
    .sort();
}

function hasPower(pidFile: string, node: string): boolean {
  try {
    const pid = readFileSync(pidFile, 'utf8').trim();
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`node ${node}`);
  } catch {
    return false; // no such file or process: the node was killed
  }
}
