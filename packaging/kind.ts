/**
 * `npm run kind`: a cluster of kind (the Kubernetes tool) with noisefleet in it, for people who have Docker. `npm run kind -- down` removes it.
 * Needs docker, kind, kubectl and helm.
 */
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { BUILT, clusterSteps, downSteps, productSteps, type Step } from './kind-steps.ts';

const ROOT = dirname(import.meta.dirname);

function run([program, ...args]: Step): void {
  execFileSync(program, args, { cwd: ROOT, stdio: 'inherit' });
}

function outputOf([program, ...args]: Step): string {
  return execFileSync(program, args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

if (process.argv[2] === 'down') {
  downSteps().forEach(run);
} else {
  clusterSteps(outputOf(['kind', 'get', 'clusters']).split('\n')).forEach(run);
  run([process.execPath, join('packaging', 'image.ts'), '--builder', 'docker', '--tag', BUILT]);
  productSteps(outputOf(['docker', 'image', 'inspect', '--format', '{{.Id}}', BUILT]).trim()).forEach(run);
}
