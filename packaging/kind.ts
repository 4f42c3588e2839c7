/**
 * `npm run kind`: a cluster of kind (the Kubernetes tool) with noisefleet in it, for people who have Docker. `npm run kind -- down` removes it.
 * Needs docker, kind, kubectl and helm.
 */
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import manifest from '../package.json' with { type: 'json' };

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const CLUSTER = 'noisefleet';
const IMAGE = `localhost/noisefleet:${manifest.version}`;

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { cwd: ROOT, stdio: 'inherit' });
}

function existing(): string[] {
  return execFileSync('kind', ['get', 'clusters'], { encoding: 'utf8' }).split('\n');
}

if (process.argv[2] === 'down') {
  run('kind', 'delete', 'cluster', '--name', CLUSTER);
} else {
  if (!existing().includes(CLUSTER)) {
    run('kind', 'create', 'cluster', '--name', CLUSTER, '--config', join('config', 'kind.yaml'), '--wait', '120s');
  }
  run(process.execPath, join('packaging', 'image.ts'), '--builder', 'docker', '--tag', IMAGE);
  run('kind', 'load', 'docker-image', IMAGE, '--name', CLUSTER);
  run(
    'helm',
    ...['upgrade', '--install', 'noisefleet', join('charts', 'noisefleet')],
    ...['--kube-context', `kind-${CLUSTER}`, '--namespace', 'noisefleet', '--create-namespace', '--wait'],
    ...['--set', 'image.registry=localhost', '--set', 'image.repository=noisefleet'],
    ...['--set', `image.tag=${manifest.version}`, '--set', 'image.pullPolicy=IfNotPresent'],
  );
  run('kubectl', '--context', `kind-${CLUSTER}`, 'apply', '-f', join('config', 'samples', 'quickstart'));
}
