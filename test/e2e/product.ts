import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll } from 'vitest';
import { places } from '../cluster/places.ts';
import { cluster, clusterCommand } from './cluster-fixture.ts';
import { hashOf, loadOnce } from './images/image.ts';
import { Kubectl } from './kubectl.ts';
import { CURRENT_TAG, imageTagged, REPOSITORY } from './product-image.ts';

const call = promisify(execFile);
const root = dirname(dirname(import.meta.dirname));

/** A checkout of the product, and the tag that its image gets: one that no release has, so that a node never takes another image for it. */
export interface Edition {
  readonly root: string;
  readonly tag: string;
}

/** This checkout. */
const CURRENT: Edition = { root, tag: CURRENT_TAG };

/** Release and namespace of the installation that suites share one after the other. */
export const RELEASE = 'noisefleet';

/** Bundling, an image, its load and `helm --wait`, on a machine that does other things as well. Milliseconds. */
const INSTALL_LIMIT_MS = 300_000;

/** Values of the chart by their paths, as `--set` takes them: `{ 'operator.replicas': '1', relayNamespaces: '{agents}' }`. */
export type ChartValues = Readonly<Record<string, string>>;

/** Installs the product for the suite around it, and takes it away afterwards. One installation is in a cluster at a time. */
export function useProduct(values: ChartValues = {}): void {
  beforeAll(async () => {
    await loadProductImage();
    await installChart(RELEASE, RELEASE, values);
  }, INSTALL_LIMIT_MS);
  afterAll(uninstallProduct);
}

/** Removes the release and its namespace; the chart leaves its CRDs, as users want it. */
export async function uninstallProduct(): Promise<void> {
  await helm('uninstall', RELEASE, '--namespace', RELEASE, '--ignore-not-found', '--wait');
  await new Kubectl(cluster(), RELEASE).run(['delete', 'namespace', RELEASE, '--ignore-not-found', '--timeout=60s'], {
    seconds: 90,
  });
}

/** Builds the product's image from its checkout and loads it into every node of our cluster; does nothing when that very image is there. */
export async function loadProductImage(edition = CURRENT): Promise<void> {
  const at = (path: string) => join(edition.root, path);
  await call(process.execPath, [at('packaging/build.ts')], { cwd: edition.root });
  const containerfile = at('packaging/Containerfile');
  const files = globSync(at('dist/app/**/*.{js,json,node}')).sort();
  await loadOnce(imageTagged(edition.tag), hashOf([], [containerfile, ...files]), async () => {
    const build = ['--file', containerfile, '--build-arg', 'BASE=localhost/node-base:1'];
    await clusterCommand('buildah', 'bud', ...build, '--tag', imageTagged(edition.tag), at('dist'));
  });
}

/** `helm ARGS` against the cluster of this run. @returns stdout */
export async function helm(...args: readonly string[]): Promise<string> {
  const { kubeconfig, ours } = cluster();
  if (ours) await clusterCommand('build', 'helm');
  const program = ours ? join(places().bin, 'helm') : 'helm';
  return (await call(program, ['--kubeconfig', kubeconfig, ...args], { cwd: root })).stdout;
}

/** `helm upgrade --install --wait` of a checkout's chart with the image of `loadProductImage`, as a user would. */
export async function installChart(
  release: string,
  namespace: string,
  values: ChartValues = {},
  edition = CURRENT,
): Promise<void> {
  const image = Object.entries({ ...REPOSITORY, tag: edition.tag }).map(
    ([name, value]) => [`image.${name}`, value] as const,
  );
  const set = [...image, ...Object.entries(values)].flatMap(([path, value]) => ['--set', `${path}=${value}`]);
  const where = ['--namespace', namespace, '--create-namespace', '--wait', '--timeout', '90s'];
  await helm('upgrade', '--install', release, join(edition.root, 'charts/noisefleet'), ...where, ...set);
}
