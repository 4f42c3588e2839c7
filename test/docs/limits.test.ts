import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = dirname(dirname(import.meta.dirname));
const text = readFileSync(join(root, 'docs/limits.md'), 'utf8');

describe('the document of limits', () => {
  it('names metrics that some source makes', () => {
    const sources = globSync('src/{registry,relay,executor,kube,operator}/**/*.ts', { cwd: root })
      .filter((file) => !file.endsWith('.test.ts'))
      .map((file) => readFileSync(join(root, file), 'utf8'))
      .join('');
    const named = [...text.matchAll(/`((?:noisefleet|rest_client)_\w+)/g)].map(([, metric = '']) => metric);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((metric) => !sources.includes(`'${metric}'`))).toEqual([]);
  });

  it('names files that there are', () => {
    const files = [...text.matchAll(/`((?:src|test)\/[\w./-]+)`/g)].map(([, file = '']) => file);
    expect(files.length).toBeGreaterThan(5);
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });
});
