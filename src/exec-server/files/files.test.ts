import { existsSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_READ_FILE_BYTES } from '../limits.ts';
import { Fixture, type Json, type TestClient } from '../testing/fixture.ts';

let fixture: Fixture;
let client: TestClient;
beforeEach(async () => {
  fixture = await Fixture.start();
  client = await fixture.open();
  mkdirSync(at('d/e'), { recursive: true });
  writeFileSync(at('a'), 'hello');
  symlinkSync('a', at('link'));
  symlinkSync('d', at('dirlink'));
  symlinkSync('nowhere', at('broken'));
});
afterEach(() => fixture.close());

const at = (name: string) => join(fixture.directory, name);
const uri = (name: string) => pathToFileURL(at(name)).href;
const encode = (text: string) => Buffer.from(text).toString('base64');
const code = async (method: string, params: object) => (await client.ask(method, params)).error?.code;

describe('fs/readFile and fs/writeFile', () => {
  it('carry 128 KiB byte for byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 131_072 }, (_, index) => (index * 7) % 251));
    await client.call('fs/writeFile', { path: uri('new'), dataBase64: bytes.toString('base64') });
    expect(readFileSync(at('new')).equals(bytes)).toBe(true);
    expect((await client.call('fs/readFile', { path: uri('new') })).dataBase64).toBe(bytes.toString('base64'));
  });

  it('read files whose size says nothing', async () => {
    const { dataBase64 } = await client.call('fs/readFile', { path: 'file:///proc/self/status' });
    expect(Buffer.from(dataBase64, 'base64').toString()).toContain('Pid:');
  });

  it('serve what fits one message, and name the way for more', async () => {
    writeFileSync(at('big'), '');
    truncateSync(at('big'), MAX_READ_FILE_BYTES);
    expect((await client.call('fs/readFile', { path: uri('big') })).dataBase64.length).toBeGreaterThan(67_000_000);
    truncateSync(at('big'), MAX_READ_FILE_BYTES + 1);
    await expect(client.call('fs/readFile', { path: uri('big') })).rejects.toMatchObject({
      code: -32600,
      message: expect.stringContaining('fs/readBlock'),
    });
  });

  it('are done in the order they came, without waiting for answers', async () => {
    const writes = ['1', '2', '3'].map((text) =>
      client.call('fs/writeFile', { path: uri('w'), dataBase64: encode(text) }),
    );
    expect(await client.call('fs/readFile', { path: uri('w') })).toEqual({ dataBase64: encode('3') });
    await Promise.all(writes);
  });

  it.each<[string, string, object, number]>([
    ['a missing file', 'fs/readFile', { path: 'missing' }, -32004],
    ['a directory', 'fs/readFile', { path: 'd' }, -32600],
    ['a link where none is followed', 'fs/readFile', { path: 'link', followSymlinks: false }, -32600],
    [
      'a path through a link where none is followed',
      'fs/readFile',
      { path: 'dirlink/e', followSymlinks: false },
      -32600,
    ],
    ['a missing parent', 'fs/writeFile', { path: 'no/w', dataBase64: 'aGk=' }, -32004],
    ['bad base64', 'fs/writeFile', { path: 'w', dataBase64: 'aGk' }, -32600],
    [
      'a link to be written where none is followed',
      'fs/writeFile',
      { path: 'link', dataBase64: '', followSymlinks: false },
      -32600,
    ],
    ['a native path', 'fs/readFile', { path: '/etc/passwd' }, -32602],
  ])('refuse %s', async (_name, method, params, expected) => {
    const { path } = params as { path: string };
    expect(await code(method, { ...params, path: path.startsWith('/') ? path : uri(path) })).toBe(expected);
  });
});

describe('fs/getMetadata', () => {
  it('describes what a link leads to, and says that it is one', async () => {
    expect(await client.call('fs/getMetadata', { path: uri('link') })).toMatchObject({
      isFile: true,
      isSymlink: true,
      size: 5,
    });
    expect(await client.call('fs/getMetadata', { path: uri('a') })).toMatchObject({ isFile: true, isSymlink: false });
    expect(await client.call('fs/getMetadata', { path: uri('d') })).toMatchObject({ isDirectory: true, isFile: false });
    expect(await code('fs/getMetadata', { path: uri('broken') })).toBe(-32004);
    expect(await code('fs/getMetadata', { path: uri('link'), followSymlinks: false })).toBe(-32600);
  });
});

describe('directories', () => {
  it('are listed without broken links', async () => {
    const { entries } = await client.call('fs/readDirectory', { path: uri('') });
    expect(entries.filter(({ fileName }: Json) => fileName !== 'spill')).toEqual([
      { fileName: 'a', isDirectory: false, isFile: true },
      { fileName: 'd', isDirectory: true, isFile: false },
      { fileName: 'dirlink', isDirectory: true, isFile: false },
      { fileName: 'link', isDirectory: false, isFile: true },
    ]);
  });

  it('are made with their parents, or not', async () => {
    await client.call('fs/createDirectory', { path: uri('x/y/z') });
    expect(existsSync(at('x/y/z'))).toBe(true);
    await client.call('fs/createDirectory', { path: uri('x') });
    await client.call('fs/createDirectory', { path: uri('p/q'), followSymlinks: false });
    expect(await code('fs/createDirectory', { path: uri('m/n'), recursive: false })).toBe(-32004);
    expect(await code('fs/createDirectory', { path: uri('x'), recursive: false })).toBe(-32603);
  });

  it('are removed whole, and a link is removed instead of what it leads to', async () => {
    await client.call('fs/remove', { path: uri('dirlink') });
    expect(existsSync(at('d/e'))).toBe(true);
    expect(await code('fs/remove', { path: uri('d'), recursive: false })).toBe(-32603);
    await client.call('fs/remove', { path: uri('d') });
    expect(existsSync(at('d'))).toBe(false);
    await client.call('fs/remove', { path: uri('d') });
    expect(await code('fs/remove', { path: uri('d'), force: false })).toBe(-32004);
  });

  it('are copied with links as links, and not into themselves', async () => {
    writeFileSync(at('d/file'), 'x');
    symlinkSync('file', at('d/inner'));
    await client.call('fs/copy', { sourcePath: uri('d'), destinationPath: uri('d2'), recursive: true });
    expect(readlinkSync(at('d2/inner'))).toBe('file');
    expect(readFileSync(at('d2/file'), 'utf8')).toBe('x');
    for (const inside of ['d', 'd/sub', 'dirlink/sub/deeper']) {
      expect(await code('fs/copy', { sourcePath: uri('d'), destinationPath: uri(inside), recursive: true })).toBe(
        -32600,
      );
    }
    expect(await code('fs/copy', { sourcePath: uri('d'), destinationPath: uri('d3'), recursive: false })).toBe(-32600);
  });
});

describe('fs/walk', () => {
  const walk = (path: string, options: object = {}) =>
    client.call('fs/walk', {
      path: uri(path),
      options: { maxDepth: 8, maxDirectories: 100, maxEntries: 100, followDirectorySymlinks: false, ...options },
    });

  it('goes breadth first, by name', async () => {
    mkdirSync(at('d/f'));
    writeFileSync(at('d/e/deep'), '');
    expect((await walk('d')).entries.map(({ path }: Json) => path)).toEqual([uri('d/e'), uri('d/f'), uri('d/e/deep')]);
  });

  it('ends in a circle of links', async () => {
    symlinkSync('..', at('d/up'));
    const { truncated, entries } = await walk('d', {
      followDirectorySymlinks: true,
      maxDepth: 64,
      maxDirectories: 10_000,
    });
    expect([truncated, entries.length < 40]).toEqual([false, true]);
  });

  it('carries names that are no UTF-8 in a form that can be used again', async () => {
    writeFileSync(Buffer.concat([Buffer.from(at('d/e/')), Buffer.from([0xff])]), 'odd');
    const { entries } = await walk('d/e');
    expect((await client.call('fs/readFile', { path: entries[0].path })).dataBase64).toBe(encode('odd'));
  });

  it('says what it could not list', async () => {
    await expect(walk('missing')).rejects.toMatchObject({ code: -32004 });
    await expect(walk('d', { maxEntries: 0 })).rejects.toMatchObject({ code: -32600 });
  });
});

describe('handles', () => {
  it('read and write in blocks, and belong to the connection', async () => {
    await client.call('fs/open', { handleId: 'w', path: uri('new'), mode: 'replace' });
    await client.call('fs/writeBlock', { handleId: 'w', offset: 3, chunk: encode('abc') });
    await client.call('fs/close', { handleId: 'w' });
    await client.call('fs/open', { handleId: 'r', path: uri('new') });
    expect(await client.call('fs/readBlock', { handleId: 'r', offset: 3, len: 3 })).toEqual({
      chunk: encode('abc'),
      eof: false,
    });
    expect(await client.call('fs/readBlock', { handleId: 'r', offset: 3, len: 4 })).toEqual({
      chunk: encode('abc'),
      eof: true,
    });
    const other = await fixture.open();
    expect((await other.ask('fs/readBlock', { handleId: 'r', offset: 0, len: 1 })).error.code).toBe(-32004);
  });

  it('are at most 128, and no id twice', async () => {
    const open = (handleId: string) => client.ask('fs/open', { handleId, path: uri('a') });
    for (let count = 0; count < 128; count++) expect((await open(`h${count}`)).error).toBeUndefined();
    expect((await open('one too many')).error.code).toBe(-32600);
    await client.call('fs/close', { handleId: 'h0' });
    expect((await open('h1')).error.code).toBe(-32600);
    expect((await open('h0')).result).toEqual({ handleId: 'h0' });
  });
});
