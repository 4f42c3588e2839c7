import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { billOfMaterials } from './sbom.ts';

const lockfile = JSON.parse(readFileSync(`${dirname(import.meta.dirname)}/package-lock.json`, 'utf8'));
const product = { name: 'noisefleet', version: '0.1.0', license: 'Apache-2.0', locked: lockfile.packages };

describe('the bill of materials', () => {
  it('names each package that has a file in the bundle, once, as the lockfile has it', () => {
    const files = [
      'src/cli/main.mjs',
      'node_modules/zod/a.js',
      'node_modules/zod/b.js',
      '../x/node_modules/@noble/curves/c.js',
    ];
    const { components } = billOfMaterials({ ...product, files }) as { components: object[] };
    expect(components).toEqual([
      {
        type: 'library',
        'bom-ref': `pkg:npm/%40noble/curves@${lockfile.packages['node_modules/@noble/curves'].version}`,
        name: '@noble/curves',
        version: lockfile.packages['node_modules/@noble/curves'].version,
        purl: `pkg:npm/%40noble/curves@${lockfile.packages['node_modules/@noble/curves'].version}`,
        licenses: [{ license: { id: 'MIT' } }],
        hashes: [{ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) }],
      },
      expect.objectContaining({ name: 'zod', version: lockfile.packages['node_modules/zod'].version }),
    ]);
  });

  it('tells a package inside of another one from that of the same name beside it', () => {
    const locked = { 'node_modules/a': { version: '1.0.0' }, 'node_modules/b/node_modules/a': { version: '2.0.0' } };
    const files = ['node_modules/b/node_modules/a/index.js', 'node_modules/a/index.js'];
    const { components } = billOfMaterials({ ...product, locked, files }) as { components: { purl: string }[] };
    expect(components.map(({ purl }) => purl)).toEqual(['pkg:npm/a@1.0.0', 'pkg:npm/a@2.0.0']);
  });

  it('is refused for a package that the lockfile does not know', () => {
    expect(() => billOfMaterials({ ...product, files: ['node_modules/not-locked/index.js'] })).toThrow(
      expect.objectContaining({ code: 'not_locked' }),
    );
  });
});
