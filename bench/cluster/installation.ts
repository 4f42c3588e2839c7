import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { buildBundle } from '../product/bundle.ts';
import { ServiceProcess } from '../product/service-process.ts';
import type { Outcome } from '../row.ts';
import { type ClusterTools, clusterCommand, findCluster, ROOT } from './tools.ts';

export const RELEASE = 'noisefleet-bench';
/** Where Relays and Executors of a row stand. */
export const FLEET_NAMESPACE = 'noisefleet-bench-fleet';

export const IMAGE = 'localhost/noisefleet:bench';
/** Longer than any row runs. */
const TOKEN_LIFE = '3h';

export interface InstallOptions {
  /** `pods`: as the chart runs it, which needs a node. `processes`: by `operator()`, on this host, under the rights of the chart. */
  readonly operator: 'pods' | 'processes';
}

/** Runs `work` on a cluster with the chart installed, and takes everything away again. Says why where there is no such cluster. */
export async function onInstallation(
  options: InstallOptions,
  work: (installation: Installation) => Promise<Outcome>,
): Promise<Outcome> {
  const tools = await findCluster();
  if ('unavailable' in tools) return tools;
  const present = await tools.kubectl('get', 'crd', 'executors.noisefleet.dev', '--ignore-not-found', '-o', 'name');
  if (present !== '')
    return { unavailable: 'the cluster has our CRDs already: a bench that removes them would remove what is in them' };
  if (options.operator === 'pods' && !tools.ours)
    return { unavailable: 'an image can only be loaded into the cluster of npm run cluster: unset KUBECONFIG' };
  const installation = new Installation(tools, buildBundle());
  try {
    await installation.install(options);
    return await work(installation);
  } finally {
    await installation.remove();
  }
}

export class Installation {
  readonly tools: ClusterTools;
  readonly #program: readonly string[];
  readonly #folder = mkdtempSync(join(tmpdir(), 'bench-cluster-'));
  readonly #operators: ServiceProcess[] = [];

  constructor(tools: ClusterTools, program: readonly string[]) {
    this.tools = tools;
    this.#program = program;
  }

  async install({ operator }: InstallOptions): Promise<void> {
    const pods = operator === 'pods';
    if (pods) loadImage();
    await this.tools.kubectl('create', 'namespace', FLEET_NAMESPACE);
    const [registry, repository, tag] = IMAGE.split(/[/:]/);
    const values = {
      image: { registry, repository, tag, pullPolicy: 'Never' },
      // The bench leaves nothing behind.
      crds: { keep: false },
      operator: { replicas: pods ? 2 : 0 },
      relayNamespaces: [FLEET_NAMESPACE],
      executorNamespaces: [FLEET_NAMESPACE],
    };
    const file = join(this.#folder, 'values.yaml');
    writeFileSync(file, stringify(values));
    const where = ['--namespace', RELEASE, '--create-namespace', '--wait', '--timeout', '180s', '--values', file];
    await this.tools.helm('install', RELEASE, 'charts/noisefleet', ...where);
    await this.tools.kubectl('wait', '--for=condition=Established', 'crd/executors.noisefleet.dev', '--timeout=60s');
  }

  /** One more operator of this host, under the chart's ServiceAccount. */
  async operator(): Promise<ServiceProcess> {
    const account = `${RELEASE}-operator`;
    const kubeconfig = await this.#kubeconfigOf(account);
    const [node = '', program = ''] = this.#program;
    const operator = await ServiceProcess.start([
      ...[
        node,
        ...(await this.#nodeFlags()),
        program,
        'operator',
        '--kubeconfig',
        kubeconfig,
        '--namespace',
        RELEASE,
        '--image',
        IMAGE,
      ],
      ...['--service-account', account, '--lease-name', account],
    ]);
    this.#operators.push(operator);
    return operator;
  }

  /** Server-side, as one list. */
  async apply(...objects: readonly object[]): Promise<void> {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    await this.tools.send(input, 'apply', '--server-side', '--field-manager=bench', '-f', '-');
  }

  async remove(): Promise<void> {
    for (const operator of this.#operators) await operator.stop();
    await this.tools.kubectl('delete', 'namespace', FLEET_NAMESPACE, '--ignore-not-found', '--timeout=300s');
    await this.tools.helm('uninstall', RELEASE, '--namespace', RELEASE, '--ignore-not-found', '--wait');
    await this.tools.kubectl('delete', 'namespace', RELEASE, '--ignore-not-found', '--timeout=120s');
    rmSync(this.#folder, { recursive: true });
  }

  /** What the chart starts Node with. */
  async #nodeFlags(): Promise<string[]> {
    const path = '{.spec.template.spec.containers[0].command}';
    const where = ['deployment', `${RELEASE}-operator`, '-n', RELEASE];
    const command: string[] = JSON.parse(await this.tools.kubectl('get', ...where, '-o', `jsonpath=${path}`));
    return command.filter((word) => word.startsWith('--'));
  }

  /** The cluster's kubeconfig with the token of a ServiceAccount in place of its administrator. */
  async #kubeconfigOf(account: string): Promise<string> {
    const token = await this.tools.kubectl('create', 'token', account, '-n', RELEASE, `--duration=${TOKEN_LIFE}`);
    const { clusters, contexts, ...rest } = parse(readFileSync(this.tools.kubeconfig, 'utf8'));
    const current = contexts.find(({ name }: { name: string }) => name === rest['current-context']);
    const file = join(this.#folder, `${account}.kubeconfig`);
    const users = [{ name: current.context.user, user: { token: token.trim() } }];
    writeFileSync(file, stringify({ ...rest, clusters, contexts, users }), { mode: 0o600 });
    return file;
  }
}

function loadImage(): void {
  const build = ['--file', join(ROOT, 'packaging/Containerfile'), '--build-arg', 'BASE=localhost/node-base:1'];
  clusterCommand('buildah', 'bud', ...build, '--tag', IMAGE, join(ROOT, 'dist'));
  clusterCommand('load', IMAGE);
}

export function relay(name: string): object {
  return { ...head('Relay', name), spec: {} };
}

/** On no node: its children are written, its pod waits. */
export function waitingExecutor(name: string, relayName: string): object {
  const containers = [{ name: 'workspace', image: IMAGE }];
  const template = { spec: { containers, nodeSelector: { 'example.com/none': 'none' } } };
  return { ...head('Executor', name), spec: { relayRef: { name: relayName }, template } };
}

export function executor(name: string, relayName: string): object {
  return { ...head('Executor', name), spec: { relayRef: { name: relayName } } };
}

function head(kind: string, name: string): object {
  return { apiVersion: 'noisefleet.dev/v1alpha1', kind, metadata: { name, namespace: FLEET_NAMESPACE } };
}
