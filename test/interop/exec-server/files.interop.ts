import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, it } from 'vitest';
import type { Json } from '../../../src/exec-server/testing/fixture.ts';
import { encode, outcome, outcomes, useBothPeers } from './both-peers.ts';

const same = useBothPeers();

describe('files', () => {
  /** A small tree with everything odd in it. */
  function furnish(directory: string): (name: string) => string {
    mkdirSync(join(directory, 'd/e/f'), { recursive: true });
    mkdirSync(join(directory, '.hidden/in'), { recursive: true });
    writeFileSync(join(directory, 'a'), 'hello');
    writeFileSync(join(directory, 'd/x'), '1');
    writeFileSync(join(directory, 'sp ace%'), 'x');
    symlinkSync('a', join(directory, 'link'));
    symlinkSync('d', join(directory, 'dirlink'));
    symlinkSync('nowhere', join(directory, 'broken'));
    execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', join(directory, 'fifo')]);
    return (name) => pathToFileURL(join(directory, name)).href;
  }

  it('are read and described the same way', async () => {
    await same(async (client, directory) => {
      const at = furnish(directory);
      const results = await outcomes(client, [
        ...['a', 'link', 'd', 'missing', 'a/below', 'broken', 'sp ace%'].map(
          (name) => ['fs/readFile', { path: at(name) }] as const,
        ),
        ['fs/readFile', { path: 'a' }],
        ...['a', 'link', 'd', 'missing', 'broken', 'fifo'].map(
          (name) => ['fs/getMetadata', { path: at(name) }] as const,
        ),
        ['fs/getMetadata', { path: at('link'), followSymlinks: false }],
        ['fs/getMetadata', { path: at('a'), followSymlinks: false }],
        ['fs/canonicalize', { path: at('dirlink/x') }],
        ['fs/canonicalize', { path: at('missing') }],
        ['fs/canonicalize', { path: `${at('d')}/../a` }],
      ]);
      // The trees were made one after the other; birth times are known to one program and not to the other.
      return results.map((result) =>
        result.createdAtMs === undefined ? result : { ...result, createdAtMs: 0, modifiedAtMs: 0 },
      );
    });
  });

  it('are listed the same way', async () => {
    await same(async (client, directory) => {
      const at = furnish(directory);
      const { entries } = await client.call('fs/readDirectory', { path: at('') });
      const names = entries.sort((one: Json, other: Json) => (one.fileName < other.fileName ? -1 : 1));
      const others = await outcomes(client, [
        ['fs/readDirectory', { path: at('a') }],
        ['fs/readDirectory', { path: at('missing') }],
      ]);
      return [names, others];
    });
  });

  it.each([
    { maxDepth: 5, maxDirectories: 100, maxEntries: 100, followDirectorySymlinks: false },
    { maxDepth: 0, maxDirectories: 100, maxEntries: 100, followDirectorySymlinks: false },
    { maxDepth: 1, maxDirectories: 100, maxEntries: 100, followDirectorySymlinks: false },
    { maxDepth: 5, maxDirectories: 100, maxEntries: 3, followDirectorySymlinks: false },
    { maxDepth: 5, maxDirectories: 2, maxEntries: 100, followDirectorySymlinks: false },
    { maxDepth: 5, maxDirectories: 6, maxEntries: 9, followDirectorySymlinks: false },
    { maxDepth: 5, maxDirectories: 100, maxEntries: 100, followDirectorySymlinks: true },
    { maxDepth: 5, maxDirectories: 100, maxEntries: 100, followDirectorySymlinks: false, pruneHiddenDirectories: true },
    { maxDepth: 5, maxDirectories: 0, maxEntries: 100, followDirectorySymlinks: false },
  ])('are walked the same way: %j', async (options) => {
    await same(async (client, directory) => {
      const at = furnish(directory);
      return outcomes(
        client,
        ['', 'a', 'missing'].map((name) => ['fs/walk', { path: at(name), options }] as const),
      );
    });
  });

  it('are written, made, copied and removed the same way', async () => {
    await same(async (client, directory) => {
      const at = furnish(directory);
      const data = (text: string) => ({ dataBase64: encode(text) });
      const copy = (source: string, target: string, recursive = false) =>
        ['fs/copy', { sourcePath: at(source), destinationPath: at(target), recursive }] as const;
      const results = await outcomes(client, [
        ['fs/writeFile', { path: at('w'), ...data('new') }],
        ['fs/writeFile', { path: at('w'), ...data('n') }],
        ['fs/writeFile', { path: at('no/w'), ...data('x') }],
        ['fs/writeFile', { path: at('d'), ...data('x') }],
        ['fs/writeFile', { path: at('w'), dataBase64: 'a' }],
        ['fs/createDirectory', { path: at('d') }],
        ['fs/createDirectory', { path: at('d'), recursive: false }],
        ['fs/createDirectory', { path: at('m/n'), recursive: false }],
        ['fs/createDirectory', { path: at('m/n') }],
        ['fs/createDirectory', { path: at('a') }],
        copy('d', 'd2'),
        copy('d', 'd2', true),
        copy('d', 'd2', true),
        copy('d', 'd/sub', true),
        copy('w', 'a2'),
        copy('a', 'a2'),
        copy('link', 'link2'),
        copy('fifo', 'fifo2'),
        copy('missing', 'x'),
        copy('a', 'd'),
        ['fs/remove', { path: at('missing'), force: false }],
        ['fs/remove', { path: at('missing') }],
        ['fs/remove', { path: at('d'), recursive: false }],
        ['fs/remove', { path: at('dirlink') }],
        ['fs/remove', { path: at('d2') }],
        ['fs/remove', { path: at('m/n'), recursive: false }],
      ]);
      const tree = execFileSync('find', ['.', '-printf', '%p %y %l\n'], { cwd: directory, encoding: 'utf8' });
      return [
        results,
        tree.split('\n').sort(),
        readFileSync(join(directory, 'a2'), 'utf8'),
        readFileSync(join(directory, 'w'), 'utf8'),
      ];
    });
  });

  it('have the same handles', async () => {
    await same(async (client, directory) => {
      const at = furnish(directory);
      const block = (handleId: string, offset: number, len: number) =>
        ['fs/readBlock', { handleId, offset, len }] as const;
      const write = (handleId: string, chunk: string) => ['fs/writeBlock', { handleId, offset: 3, chunk }] as const;
      const results = await outcomes(client, [
        ['fs/open', { handleId: 'r', path: at('a') }],
        ['fs/open', { handleId: 'r', path: at('a') }],
        ['fs/open', { handleId: 'x', path: at('missing') }],
        ['fs/open', { handleId: 'x', path: at('d') }],
        ['fs/open', { handleId: 'x', path: at('fifo') }],
        ['fs/open', { handleId: 'x', path: at('a'), mode: 'append' }],
        block('r', 1, 2),
        block('r', 0, 5),
        block('r', 0, 6),
        block('r', 10, 2),
        block('unknown', 0, 1),
        write('r', encode('x')),
        ['fs/open', { handleId: 'w', path: at('new'), mode: 'replace' }],
        write('w', encode('hi')),
        write('w', ''),
        write('w', 'a'),
        write('unknown', encode('x')),
        block('w', 0, 9),
        ['fs/close', { handleId: 'w' }],
        ['fs/close', { handleId: 'w' }],
        block('w', 0, 9),
        ['fs/open', { handleId: 'w', path: at('no/new'), mode: 'replace' }],
      ]);
      const many: Json[] = [];
      for (let count = 0; count < 130; count++)
        many.push(await outcome(client, 'fs/open', { handleId: `h${count}`, path: at('a') }));
      return [results, many, readFileSync(join(directory, 'new')).toString('hex')];
    });
  });
});
