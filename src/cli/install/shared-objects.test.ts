import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { installNode } from './install-node.ts';
import { sharedObjectsIn } from './shared-objects.ts';

const MAPS = `00400000-00401000 r--p 00000000 08:01 1 /usr/bin/node
7f0000000000-7f0000001000 r-xp 00000000 08:01 2                          /usr/lib/libc.so.6
7f0000001000-7f0000002000 r--p 00001000 08:01 2                          /usr/lib/libc.so.6
7f0000002000-7f0000003000 r-xp 00000000 08:01 3                          /app/pty.node
7f0000003000-7f0000004000 r-xp 00000000 08:01 4                          /lib64/ld-linux-x86-64.so.2
7ffc00000000-7ffc00001000 rw-p 00000000 00:00 0                          [stack]
`;

describe('what a Node needs to run elsewhere', () => {
  it('is its loader and its libraries, each once', () => {
    expect(sharedObjectsIn(MAPS)).toEqual({
      loader: '/lib64/ld-linux-x86-64.so.2',
      libraries: ['/usr/lib/libc.so.6'],
    });
  });

  it('is not known where there is no loader, whatever the text is', () => {
    expect(sharedObjectsIn('')).toBeUndefined();
    fc.assert(fc.property(fc.string(), (text) => sharedObjectsIn(text)?.loader !== ''));
  });

  it('runs from where it was copied to, through its own loader', async () => {
    const target = await mkdtemp(join(tmpdir(), 'install-'));
    try {
      await installNode(target);
      const argv = ['--library-path', join(target, 'lib'), join(target, 'node'), '-p', '6*7'];
      const { stdout } = await promisify(execFile)(join(target, 'loader'), argv, { env: {} });
      expect(stdout.trim()).toBe('42');
      // Not even its owner reads it: what runs through it is then closed to other processes of the same user.
      expect((await stat(join(target, 'loader'))).mode & 0o777).toBe(0o111);
    } finally {
      await rm(target, { recursive: true, force: true });
    }
  });
});
