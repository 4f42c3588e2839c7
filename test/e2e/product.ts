import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { places } from '../cluster/places.ts';
import { cluster, clusterCommand } from './cluster-fixture.ts';

const call = promisify(execFile);
const root = dirname(dirname(import.meta.dirname));

/** A tag that no release has, so that a node never takes another image for it. */
const IMAGE = { registry: 'localhost', repository: 'noisefleet', tag: 'e2e' };

/** The image as a Pod names it. */
export const PRODUCT_IMAGE = `${IMAGE.registry}/${IMAGE.repository}:${IMAGE.tag}`;

/** Builds the product's image from this checkout and loads it into every node of our cluster. */
export async function loadProductImage(): Promise<void> {
  await call(process.execPath, [join(root, 'packaging/build.ts')], { cwd: root });
  const build = ['--file', join(root, 'packaging/Containerfile'), '--build-arg', 'BASE=localhost/node-base:1'];
  await clusterCommand('buildah', 'bud', ...build, '--tag', PRODUCT_IMAGE, join(root, 'dist'));
  await clusterCommand('load', PRODUCT_IMAGE);
}

/** `helm ARGS` against the cluster of this run. @returns stdout */
export async function helm(...args: readonly string[]): Promise<string> {
  const { kubeconfig, ours } = cluster();
  if (ours) await clusterCommand('build', 'helm');
  const program = ours ? join(places().bin, 'helm') : 'helm';
  return (await call(program, ['--kubeconfig', kubeconfig, ...args], { cwd: root })).stdout;
}

/** `helm install --wait` of this checkout's chart with the image of `loadProductImage`, as a user would. */
export async function installChart(release: string, namespace: string): Promise<void> {
  const image = Object.entries(IMAGE).flatMap(([name, value]) => ['--set', `image.${name}=${value}`]);
  const where = ['--namespace', namespace, '--create-namespace', '--wait', '--timeout', '90s'];
  await helm('upgrade', '--install', release, 'charts/noisefleet', ...where, ...image);
}
