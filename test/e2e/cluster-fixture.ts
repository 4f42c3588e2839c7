import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, inject } from 'vitest';
import { dumpNamespace } from './diagnostics.ts';
import type { ClusterAccess } from './global-setup.ts';
import { Kubectl } from './kubectl.ts';

export interface NamespaceOptions {
  /** Pod Security level that the namespace enforces; `restricted` unless given. */
  readonly podSecurity?: 'restricted' | 'baseline' | 'privileged';
  readonly labels?: Readonly<Record<string, string>>;
}

/** A namespace that one suite has for itself. */
export interface SuiteNamespace {
  readonly name: string;
  /** kubectl with this namespace. */
  readonly kubectl: Kubectl;
}

/** The cluster that this run uses. */
export function cluster(): ClusterAccess {
  return inject('cluster');
}

/** An image with Node.js, a shell and coreutils, and a non-root user 1000, that every node of the cluster can have. */
export function baseImage(): string {
  if (cluster().ours) return 'localhost/node-base:1';
  return process.env.NOISEFLEET_E2E_BASE_IMAGE ?? 'docker.io/library/node:24-bookworm-slim';
}

/**
 * Gives the suite around it a namespace of its own, and removes that afterwards. When a test fails, what is in it is
 * written to a file (`NOISEFLEET_E2E_REPORTS`, else the system's folder for temporary files). `NOISEFLEET_E2E_KEEP=1`
 * leaves the namespace there.
 *
 * @param purpose part of the name, for people: `agents`, `team-a`
 */
export function useNamespace(purpose: string, options: NamespaceOptions = {}): SuiteNamespace {
  const name = `e2e-${purpose}-${randomBytes(3).toString('hex')}`;
  const kubectl = new Kubectl(cluster(), name);
  let reported = false;

  async function report(title: string): Promise<void> {
    reported = true;
    const { file, summary } = await dumpNamespace(kubectl, name, title);
    process.stderr.write(`\nfailed: ${title}\nnamespace ${name}, all of it in ${file}\n${summary}\n`);
  }

  beforeAll(async () => {
    await kubectl.apply(namespaceManifest(name, options));
    // Pods are refused until the controller manager has made it.
    await kubectl.wait('serviceaccount/default', 'create', 30);
  });
  beforeEach((context) => {
    context.onTestFailed(() => report(context.task.name));
  });
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads the names of fixtures from this pattern; none is wanted.
  afterAll(async ({}, suite) => {
    if (!reported && suite.result?.state === 'fail') await report(`set-up of ${suite.name}`);
    if (process.env.NOISEFLEET_E2E_KEEP !== '1') {
      await kubectl.run(['delete', 'namespace', name, '--ignore-not-found', '--wait=false']);
    }
  });
  return { name, kubectl };
}

/**
 * `npm run cluster -- …` from a test: an outage, one more node, an image. Only for our own cluster.
 *
 * @throws what the command says, when it fails
 */
export async function clusterCommand(...args: readonly string[]): Promise<void> {
  if (!cluster().ours)
    throw new Error(`"cluster ${args.join(' ')}" needs the cluster of npm run cluster: unset KUBECONFIG`);
  const program = join(import.meta.dirname, '../cluster/cluster.ts');
  await promisify(execFile)(process.execPath, [program, ...args]);
}

function namespaceManifest(name: string, options: NamespaceOptions): Record<string, unknown> {
  const { podSecurity = 'restricted', labels = {} } = options;
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { ...labels, 'pod-security.kubernetes.io/enforce': podSecurity } },
  };
}
