/**
 * The bill of materials of the bundle in CycloneDX 1.5 (JSON): the packages whose files are in it, as the lockfile has them. Not by `npm sbom --omit dev`:
 * that leaves out what a development tool needs as well. Node and its system are the base image's own.
 *
 * Nothing in it differs from run to run (no serial number, no time), so that one checkout makes one image.
 */
export interface LockedPackage {
  readonly version: string;
  readonly license?: string;
  /** `sha512-…` in base64. */
  readonly integrity?: string;
}

export interface BundleContents {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** `packages` of package-lock.json. */
  readonly locked: Readonly<Record<string, LockedPackage>>;
  /** Paths of files: those of packages lie below a folder `node_modules`. */
  readonly files: readonly string[];
}

/** A file of a package that the lockfile does not know: the bill would not be whole. */
export class SbomError extends Error {
  override readonly name = 'SbomError';
  readonly code = 'not_locked';
}

/** @throws SbomError */
export function billOfMaterials({ name, version, license, locked, files }: BundleContents): object {
  const places = [...new Set(files.flatMap((file) => placeOf(file) ?? []))].sort();
  const product = {
    type: 'application',
    'bom-ref': `${name}@${version}`,
    name,
    version,
    licenses: licensesOf(license),
  };
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: product },
    components: places.map((place) => component(place, locked[place])),
  };
}

/** The key of a file's package in the lockfile: `node_modules/a/node_modules/@b/c`. */
function placeOf(file: string): string | undefined {
  return /node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
}

function component(place: string, locked: LockedPackage | undefined): object {
  const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
  if (locked === undefined) throw new SbomError(`${place} is in the bundle and not in the lockfile`);
  const { version, license, integrity } = locked;
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    purl,
    ...(license !== undefined && { licenses: licensesOf(license) }),
    ...(integrity?.startsWith('sha512-') && {
      hashes: [{ alg: 'SHA-512', content: Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex') }],
    }),
  };
}

/** One SPDX id, or an expression of several. */
function licensesOf(license: string): object[] {
  return license.includes(' ') ? [{ expression: license }] : [{ license: { id: license } }];
}
