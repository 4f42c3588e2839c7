import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = dirname(dirname(import.meta.dirname));
const text = readFileSync(join(root, 'docs/refusals.md'), 'utf8');
const rows = text
  .split('\n')
  .filter((line) => line.startsWith('|') && !line.startsWith('|---') && !line.startsWith('| where'))
  .map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

describe('the refusal table', () => {
  it('has all six columns in every row', () => {
    expect(rows.length).toBeGreaterThan(60);
    expect(rows.filter((row) => row.length !== 6 || row.some((cell) => cell === ''))).toEqual([]);
  });

  it('names for every row a test that exists', () => {
    const tests = new Set(globSync('{src,test}/**/*.{test,interop}.ts', { cwd: root }).map((path) => basename(path)));
    const missing = rows.flatMap(([where, input, , , , named = '']) => {
      const files = [...named.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file);
      const lost = files.filter((file) => !existsSync(join(root, file)) && !tests.has(file));
      return files.length === 0 || lost.length > 0 ? [`${where}: ${input}: ${lost.join(', ') || 'no test'}`] : [];
    });
    expect(missing).toEqual([]);
  });

  it('knows every code that is refused with', () => {
    const source = readFileSync(join(root, 'src/wire/codes.ts'), 'utf8');
    const codes = [...source.matchAll(/^ {2}\| '(\w+)'/gm)].map(([, code = '']) => code);
    expect(codes.length).toBeGreaterThan(15);
    expect(codes.filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
  });
});
