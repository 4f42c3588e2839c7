import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { places } from './places.ts';
import { programFolder } from './programs.ts';
import { script, step } from './step.ts';

interface OwnImage {
  readonly name: 'pause' | 'coredns' | 'node-base';
  /** The program in it. */
  readonly binary: string;
  /** Says which one that is, in the archive's name. */
  readonly version: string;
}

/**
 * The images that each node starts with, made where missing, in the folder that nodes import from. `node-base` is for
 * tests: Node.js (the one that runs this), a shell, certificates; own images may build on it.
 */
export async function prepareImages(): Promise<void> {
  const { cache, state } = places();
  for (const image of ownImages()) {
    const archive = join(cache, 'images', `${image.name}-${image.version}-${recipeHash()}.tar`);
    if (!existsSync(archive)) {
      await step(`image ${image.name}`, script('image.sh', 'make', image.name, image.binary, archive));
    }
    placeFor(image.name, state, archive);
  }
}

/**
 * Loads an image into nodes: an OCI archive, or the name of an image in the cluster's or in the user's own storage of
 * buildah. Nodes that are added later get it too.
 */
export async function loadImage(image: string, nodes: readonly string[]): Promise<void> {
  const { state } = places();
  const folder = join(state, 'images');
  const archive = join(folder, `${image.replace(/[^\w.-]+/g, '-')}.tar`);
  mkdirSync(folder, { recursive: true });
  if (existsSync(image)) placeFor(basename(archive, '.tar'), state, image);
  else await step(`archive ${image}`, script('image.sh', 'archive', image, archive));
  for (const node of nodes) await step(`load ${image} into ${node}`, script('image.sh', 'load', archive, node));
}

function ownImages(): readonly OwnImage[] {
  const { bin } = places();
  const ofProgram = (name: 'pause' | 'coredns'): OwnImage => ({
    name,
    binary: join(bin, name),
    version: basename(programFolder(name)).slice(name.length + 1),
  });
  return [
    ofProgram('pause'),
    ofProgram('coredns'),
    { name: 'node-base', binary: process.execPath, version: process.version },
  ];
}

function recipeHash(): string {
  const recipe = readFileSync(join(import.meta.dirname, 'scripts/image.sh'));
  return createHash('sha256').update(recipe).digest('hex').slice(0, 8);
}

function placeFor(name: string, state: string, archive: string): void {
  const place = join(state, 'images', `${name}.tar`);
  mkdirSync(join(state, 'images'), { recursive: true });
  const copy = `${place}.${process.pid}`;
  copyFileSync(archive, copy);
  renameSync(copy, place);
}
