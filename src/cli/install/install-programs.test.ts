import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installNode } from './install-node.ts';
import { installPrograms } from './install-programs.ts';
import { linkedLibraries } from './linked-libraries.ts';
import { readPrograms } from './programs.ts';

const call = promisify(execFile);

describe('the programs that are taken along with Node', () => {
  let target: string;
  beforeAll(async () => {
    target = await mkdtemp(join(tmpdir(), 'install-programs-'));
    await installNode(target);
  });
  afterAll(() => rm(target, { recursive: true, force: true }));

  it('run from where they were copied to, with no variable set', async () => {
    await installPrograms(target);

    const { sh: [shell = '', ...args] = [], mkfifo: [mkfifo = '', ...rest] = [] } = await readPrograms(target);
    const { stdout } = await call(shell, [...args, '-c', 'echo "$0 $1"', 'one', 'two'], { env: {} });
    expect(stdout).toBe('one two\n');
    const pipe = join(target, 'pipe');
    await call(mkfifo, [...rest, '-m', '600', pipe], { env: {} });
    const list = await call(shell, [...args, '-c', 'test -p "$0"', pipe], { env: {} });
    expect(list.stderr).toBe('');
    expect([shell, mkfifo].every((path) => path.startsWith(target))).toBe(true);
  });

  it('are left out where the image has none', async () => {
    await installPrograms(target, '/nowhere:');
    expect(await readPrograms(target)).toEqual({});
    expect(await readFile(join(target, 'programs.json'), 'utf8')).toBe('{}\n');
  });
});

describe('what a loader lists', () => {
  it('names the libraries that it found, not the loader and not the kernel’s', () => {
    const listing = [
      '\tlinux-vdso.so.1 (0x00007f241c2b4000)',
      '\tlibselinux.so.1 => /lib/x86_64-linux-gnu/libselinux.so.1 (0x00007f241c263000)',
      '\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f241c081000)',
      '\tlibgone.so => not found',
      '\t/lib64/ld-linux-x86-64.so.2 (0x00007f241c2b6000)',
    ].join('\n');
    expect(linkedLibraries(listing)).toEqual([
      '/lib/x86_64-linux-gnu/libselinux.so.1',
      '/lib/x86_64-linux-gnu/libc.so.6',
    ]);
  });

  it('is absolute paths, whatever the text is', () => {
    fc.assert(fc.property(fc.string(), (text) => linkedLibraries(text).every((path) => path.startsWith('/'))));
  });
});
