/** A program and its arguments. */
export type Step = readonly [program: string, ...args: string[]];

export const CLUSTER = 'noisefleet';

/** What `docker build` is told to name the image, before its content is known. */
export const BUILT = 'localhost/noisefleet:kind';

/** The image under a tag of its content: with a tag that stays, pods of an earlier image would stay too. */
export function taggedBy(imageId: string): { readonly name: string; readonly tag: string } {
  const tag = `kind-${imageId.replace(/^sha256:/, '').slice(0, 12)}`;
  return { name: `localhost/noisefleet:${tag}`, tag };
}

/** Makes the cluster, unless it is there. `clusters`: the lines of `kind get clusters`. */
export function clusterSteps(clusters: readonly string[]): Step[] {
  if (clusters.includes(CLUSTER)) return [];
  return [['kind', 'create', 'cluster', '--name', CLUSTER, '--config', 'config/kind.yaml', '--wait', '120s']];
}

/** Brings the built image (its id, as `docker image inspect` prints it) and the product into the cluster, and the quickstart. */
export function productSteps(imageId: string): Step[] {
  const { name, tag } = taggedBy(imageId);
  const context = `kind-${CLUSTER}`;
  return [
    ['docker', 'tag', BUILT, name],
    ['kind', 'load', 'docker-image', name, '--name', CLUSTER],
    [
      'helm',
      ...['upgrade', '--install', 'noisefleet', 'charts/noisefleet', '--kube-context', context],
      ...['--namespace', 'noisefleet', '--create-namespace', '--wait', '--timeout', '180s'],
      ...['--set', 'image.registry=localhost', '--set', 'image.repository=noisefleet', '--set', `image.tag=${tag}`],
      // Loaded, and nowhere to be pulled from.
      ...['--set', 'image.pullPolicy=Never'],
    ],
    ['kubectl', '--context', context, 'apply', '-f', 'config/samples/quickstart'],
    [
      'kubectl',
      '--context',
      context,
      'wait',
      '--for=condition=Ready',
      'executor/build',
      '-n',
      'agents',
      '--timeout=180s',
    ],
  ];
}

export function downSteps(): Step[] {
  return [['kind', 'delete', 'cluster', '--name', CLUSTER]];
}
