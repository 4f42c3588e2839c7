/**
 * `npm run image`: builds `dist/app` and puts it into an image, by the first of buildah, podman and docker that is installed.
 *
 *     npm run image -- --tag localhost/noisefleet:dev --base docker.io/library/node:24-bookworm-slim --archive noisefleet.tar
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import manifest from '../package.json' with { type: 'json' };

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BUILDERS = ['buildah', 'podman', 'docker'] as const;
type Builder = (typeof BUILDERS)[number];

const { values } = parseArgs({
  options: {
    tag: { type: 'string', default: `localhost/noisefleet:${manifest.version}` },
    base: { type: 'string' },
    /** An OCI archive beside the image in the builder's own store (buildah, podman); a docker archive from docker. */
    archive: { type: 'string' },
    /** A program that takes the arguments of one of the three. */
    builder: { type: 'string', default: process.env.NOISEFLEET_IMAGE_BUILDER },
  },
});

function run(program: string, args: readonly string[]): void {
  execFileSync(program, args, { cwd: ROOT, stdio: 'inherit' });
}

function installed(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function revision(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return 'unknown'; // a source archive without its history
  }
}

/** How each of the three writes an archive of an image that it built. */
function archiveArguments(kind: Builder, tag: string, file: string): string[] {
  switch (kind) {
    case 'buildah':
      return ['push', '--quiet', tag, `oci-archive:${file}:${tag}`];
    case 'podman':
      return ['save', '--format', 'oci-archive', '--output', file, tag];
    case 'docker':
      return ['save', '--output', file, tag];
    default:
      return kind satisfies never;
  }
}

const builder = values.builder ?? BUILDERS.find(installed);
if (builder === undefined) {
  process.stderr.write(
    `error: none of ${BUILDERS.join(', ')} is installed. Install one, or name it: --builder PROGRAM\n`,
  );
  process.exit(1);
}
const kind = BUILDERS.find((each) => builder.includes(each)) ?? 'docker';
run(process.execPath, [join('packaging', 'build.ts')]);
run(builder, [
  kind === 'buildah' ? 'bud' : 'build',
  ...['--file', join('packaging', 'Containerfile'), '--tag', values.tag],
  ...['--build-arg', `VERSION=${manifest.version}`, '--build-arg', `REVISION=${revision()}`],
  ...(values.base === undefined ? [] : ['--build-arg', `BASE=${values.base}`]),
  'dist',
]);
if (values.archive !== undefined) {
  rmSync(values.archive, { force: true });
  run(builder, archiveArguments(kind, values.tag, values.archive));
}
process.stdout.write(`${values.tag}\n`);
