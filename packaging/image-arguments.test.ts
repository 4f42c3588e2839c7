import { describe, expect, it } from 'vitest';
import { archiveArguments, BUILDERS, buildArguments, type ImageRequest } from './image-arguments.ts';

const PINNED = `docker.io/library/node@sha256:${'0a'.repeat(32)}`;

function request(changes: Partial<ImageRequest> = {}): ImageRequest {
  const common = { kind: 'docker', tag: 'localhost/noisefleet:1', version: '1', revision: 'abc' } as const;
  return { ...common, base: undefined, source: undefined, release: false, ...changes };
}

describe('building the image', () => {
  it('says version and commit, and leaves the base to the Containerfile unless one is named', () => {
    const args = buildArguments(request());
    expect(args).toContain('VERSION=1');
    expect(args).toContain('REVISION=abc');
    expect(args.join(' ')).not.toContain('BASE');
    expect(args.at(-1)).toBe('dist');
    expect(buildArguments(request({ base: 'node:24' }))).toContain('BASE=node:24');
  });

  it('of a release takes a base with a digest only', () => {
    expect(buildArguments(request({ release: true, base: PINNED }))).toContain(`BASE=${PINNED}`);
  });

  it.each([
    undefined,
    'docker.io/library/node:24-bookworm-slim',
    'node@sha256:abc',
    `${PINNED}0`,
    `a b@sha256:${'0'.repeat(64)}`,
  ])('of a release refuses the base %s', (base) => {
    expect(() => buildArguments(request({ release: true, base }))).toThrow(
      expect.objectContaining({ code: 'base_without_digest' }),
    );
  });

  it('is the same for each builder but for the name of the command, and each can write an archive', () => {
    const [buildah, podman, docker] = BUILDERS.map((kind) => buildArguments(request({ kind })));
    expect(buildah?.[0]).toBe('bud');
    expect(podman).toEqual(docker);
    expect(buildah?.slice(1)).toEqual(docker?.slice(1));
    for (const kind of BUILDERS) expect(archiveArguments(kind, 'a:1', 'out.tar').join(' ')).toContain('out.tar');
  });
});
