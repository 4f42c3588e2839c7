import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { places } from '../../cluster/places.ts';
import { cluster, clusterCommand } from '../cluster-fixture.ts';

export interface TestImage {
  /** `localhost/NAME:1`: a tag that is not `latest` is never pulled when it is there. */
  readonly tag: string;
  readonly containerfile: string;
  /** Files of the build's context: a path there, and where it comes from. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Builds an image and loads it into every node of our cluster; does nothing when that very image is there. */
export async function loadTestImage({ tag, containerfile, files = {} }: TestImage): Promise<void> {
  const context = mkdtempSync(join(tmpdir(), 'noisefleet-image-'));
  try {
    writeFileSync(join(context, 'Containerfile'), containerfile);
    for (const [path, source] of Object.entries(files)) {
      mkdirSync(dirname(join(context, path)), { recursive: true });
      copyFileSync(source, join(context, path));
    }
    const texts = [containerfile, ...Object.keys(files)];
    await loadOnce(tag, hashOf(texts, Object.values(files)), async () => {
      await clusterCommand('buildah', 'bud', '--tag', tag, context);
    });
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** Runs `build`, which makes the image `tag`, and loads it, unless what has that hash was loaded into this cluster before. */
export async function loadOnce(tag: string, hash: string, build: () => Promise<void>): Promise<void> {
  const mark = join(places().state, `loaded-${tag.replace(/\W+/g, '-')}.sha256`);
  if (cluster().ours && textIn(mark) === hash) return;
  await build();
  await clusterCommand('load', tag);
  writeFileSync(mark, hash);
}

/** What the base image of tests is made by: with another one, images on it are others too. */
const BASE_RECIPE = join(import.meta.dirname, '../../cluster/scripts/image.sh');

/** Of texts, and of what is in files. */
export function hashOf(texts: readonly string[], files: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(texts));
  for (const file of [BASE_RECIPE, ...files]) hash.update(createHash('sha256').update(readFileSync(file)).digest());
  return hash.digest('hex');
}

function textIn(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
