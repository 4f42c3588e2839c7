export const BUILDERS = ['buildah', 'podman', 'docker'] as const;
export type Builder = (typeof BUILDERS)[number];

const DIGEST = /^[^\s@]+@sha256:[0-9a-f]{64}$/;

/** A release was asked for without a base image that nobody can change. */
export class BaseImageError extends Error {
  override readonly name = 'BaseImageError';
  readonly code = 'base_without_digest';
}

export interface ImageRequest {
  readonly kind: Builder;
  readonly tag: string;
  /** Undefined: what the Containerfile says. */
  readonly base: string | undefined;
  readonly version: string;
  /** The commit. */
  readonly revision: string;
  /** Where the source is, for the OCI label. */
  readonly source: string | undefined;
  readonly release: boolean;
}

/**
 * What builds the image. A release is built on a base that is pinned by its digest.
 *
 * @throws BaseImageError
 */
export function buildArguments({ kind, tag, base, version, revision, source, release }: ImageRequest): string[] {
  if (release && (base === undefined || !DIGEST.test(base))) {
    throw new BaseImageError('a release needs --base NAME@sha256:DIGEST: a tag may be another image tomorrow');
  }
  const given = { VERSION: version, REVISION: revision, BASE: base, SOURCE: source };
  const buildArgs = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : ['--build-arg', `${name}=${value}`],
  );
  return [
    kind === 'buildah' ? 'bud' : 'build',
    ...['--file', 'packaging/Containerfile', '--tag', tag],
    ...buildArgs,
    'dist',
  ];
}

/** How each of the three writes an archive of an image that it built. */
export function archiveArguments(kind: Builder, tag: string, file: string): string[] {
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
