import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { writeFileAtomic, writeFileIfChanged } from './atomic-file.ts';
import { defaultStateRoot, makePrivateDirectory } from './layout.ts';
import { takeLock } from './lock.ts';
import { PortBook } from './ports.ts';
import { sha256Hex, TokenBook } from './tokens.ts';

describe('files of the state directory', () => {
  it('are private, replaced as a whole, and left alone when nothing changed', () => {
    const path = join(temporaryFolder(), 'file');
    writeFileAtomic(path, 'one');
    chmodSync(path, 0o644);
    writeFileAtomic(path, 'two');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const { ino } = statSync(path);
    expect(writeFileIfChanged(path, 'two')).toBe(false);
    expect(writeFileIfChanged(path, 'three')).toBe(true);
    expect(statSync(path).ino).not.toBe(ino);
    expect(readdirSync(join(path, '..'))).toEqual(['file']);
  });

  it('lie in a directory that is narrowed to its user, and never behind a link', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'wide'), { mode: 0o755 });
    makePrivateDirectory(join(folder, 'wide'));
    expect(statSync(join(folder, 'wide')).mode & 0o777).toBe(0o700);
    symlinkSync(join(folder, 'wide'), join(folder, 'link'));
    expect(() => makePrivateDirectory(join(folder, 'link'))).toThrow(/directory of your own/);
  });

  it('lie where XDG says', () => {
    expect(defaultStateRoot({ XDG_STATE_HOME: '/x' })).toBe('/x/noisefleet/dev');
    expect(defaultStateRoot({})).toMatch(/\/\.local\/state\/noisefleet\/dev$/);
  });
});

describe('the lock', () => {
  it('is held by one, and free again after its release', () => {
    const path = join(temporaryFolder(), 'lock');
    const lock = takeLock(path);
    expect(() => takeLock(path)).toThrow(`process ${process.pid}`);
    lock.release();
    takeLock(path).release();
    expect(existsSync(path)).toBe(false);
  });

  it('passes on when its holder was killed', async () => {
    const folder = temporaryFolder();
    const holder = spawn('sleep', ['60']);
    writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: holder.pid }));
    expect(() => takeLock(join(folder, 'lock'))).toThrow(/runs already/);
    await killed(holder);
    takeLock(join(folder, 'lock')).release();
  });

  it.runIf(existsSync('/proc/self/stat'))('is not held by another process that got the same id', () => {
    const path = join(temporaryFolder(), 'lock');
    writeFileSync(path, JSON.stringify({ pid: process.pid, started: '1' }));
    takeLock(path).release();
  });

  it('passes on when its file holds nothing that we wrote', () => {
    const path = join(temporaryFolder(), 'lock');
    writeFileSync(path, '');
    takeLock(path).release();
  });
});

describe('ports', () => {
  it('stay the same by name, over restarts too, and differ between names', async () => {
    const path = join(temporaryFolder(), 'ports.json');
    const book = new PortBook(path);
    const registry = await book.portOf('registry');
    expect(await book.portOf('registry')).toBe(registry);
    expect(await book.portOf('relay')).not.toBe(registry);
    expect(await new PortBook(path).portOf('registry')).toBe(registry);
  });

  it('are chosen again when somebody else took them meanwhile', async () => {
    const path = join(temporaryFolder(), 'ports.json');
    const port = await new PortBook(path).portOf('registry');
    const other = createServer().listen(port, '127.0.0.1');
    await once(other, 'listening');
    expect(await new PortBook(path).portOf('registry')).not.toBe(port);
    other.close();
  });
});

describe('tokens', () => {
  const HOLDER = 'client sa:default/dev';

  it('are renewed at half their life, and the old one is good until its own end', () => {
    const book = new TokenBook({ path: join(temporaryFolder(), 't'), ttl: 1000 });
    const first = book.tokenOf(HOLDER, 10_000);
    expect(book.tokenOf(HOLDER, 10_499)).toBe(first);
    const second = book.tokenOf(HOLDER, 10_500);
    expect(second).not.toBe(first);
    expect(book.issuedTo(HOLDER)).toEqual([
      { sha256: sha256Hex(second), expiresAt: 11_500 },
      { sha256: sha256Hex(first), expiresAt: 11_000 },
    ]);
  });

  it('are kept over restarts, without those whom no manifest names any more', () => {
    const path = join(temporaryFolder(), 't');
    const book = new TokenBook({ path, ttl: 1000 });
    const token = book.tokenOf(HOLDER, 10_000);
    book.tokenOf('client sa:gone/dev', 10_000);
    book.save(new Set([HOLDER]));
    const reopened = new TokenBook({ path, ttl: 1000 });
    expect(reopened.tokenOf(HOLDER, 10_100)).toBe(token);
    expect(reopened.issuedTo('client sa:gone/dev')).toEqual([]);
  });

  it('that would live longer than is asked for now, or come from the future, are replaced', () => {
    const path = join(temporaryFolder(), 't');
    const book = new TokenBook({ path, ttl: 1_000_000 });
    const token = book.tokenOf(HOLDER, 10_000);
    book.save(new Set([HOLDER]));
    expect(new TokenBook({ path, ttl: 1000 }).tokenOf(HOLDER, 10_100)).not.toBe(token);
    expect(new TokenBook({ path, ttl: 1_000_000 }).tokenOf(HOLDER, 9000)).not.toBe(token);
  });

  it('are made anew when the book cannot be read', () => {
    const path = join(temporaryFolder(), 't');
    writeFileSync(path, '{');
    const book = new TokenBook({ path, ttl: 1000 });
    book.tokenOf(HOLDER, 1);
    book.save(new Set([HOLDER]));
    expect(readFileSync(path, 'utf8')).toContain('"version":1');
  });

  it('that expired are remembered, a bounded number of them', () => {
    const book = new TokenBook({ path: join(temporaryFolder(), 't'), ttl: 1000 });
    for (let round = 0; round < 300; round += 1) book.tokenOf(HOLDER, round * 500);
    expect(book.issuedTo(HOLDER)).toHaveLength(100);
  });
});

async function killed(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
