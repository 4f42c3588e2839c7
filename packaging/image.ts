/**
 * `npm run image`: builds `dist/app` and puts it into an image, by the first of buildah, podman and docker that is installed.
 *
 *     npm run image -- --tag localhost/noisefleet:dev --base docker.io/library/node:24-bookworm-slim --archive noisefleet.tar
 *     npm run image -- --release --base docker.io/library/node@sha256:DIGEST --source https://… --tag ghcr.io/example/noisefleet:0.1.0
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import manifest from '../package.json' with { type: 'json' };
import { archiveArguments, BaseImageError, BUILDERS, buildArguments } from './image-arguments.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const { values } = parseArgs({
  options: {
    tag: { type: 'string', default: `localhost/noisefleet:${manifest.version}` },
    base: { type: 'string' },
    /** Takes no base but one with a digest. */
    release: { type: 'boolean', default: false },
    /** URL of the source, for the image's label. */
    source: { type: 'string' },
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

function argumentsOrExit(): string[] {
  const { tag, base, source, release } = values;
  try {
    return buildArguments({ kind, tag, base, source, release, version: manifest.version, revision: revision() });
  } catch (error) {
    if (!(error instanceof BaseImageError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    process.exit(2);
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
const building = argumentsOrExit();
run(process.execPath, [join('packaging', 'build.ts')]);
run(builder, building);
if (values.archive !== undefined) {
  rmSync(values.archive, { force: true });
  run(builder, archiveArguments(kind, values.tag, values.archive));
}
process.stdout.write(`${values.tag}\n`);
