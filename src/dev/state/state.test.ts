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
import { freePort } from './free-port.ts';
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

  it('is not held by another process that got the same id', () => {
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

/** `net.ipv4.ip_local_port_range` unless somebody changes it; macOS begins later. */
const FIRST_PORT_OF_LINUX_CLIENTS = 32_768;

describe('ports', () => {
  it('are handed out once, none of those that the system gives to clients', async () => {
    const ports = await Promise.all(Array.from({ length: 200 }, () => freePort()));
    expect(new Set(ports).size).toBe(ports.length);
    expect(Math.max(...ports)).toBeLessThan(FIRST_PORT_OF_LINUX_CLIENTS);
  });

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
  const holders = new Set([HOLDER]);

  function book(path = join(temporaryFolder(), 'tokens.json'), ttl = 1000) {
    const tokens = new TokenBook({ path, ttl });
    const at = (now: number) => {
      tokens.renew(holders, now);
      return tokens.handOut(HOLDER, now)?.token ?? '';
    };
    return { tokens, at, path };
  }

  it('are renewed at half their life, handed out a while later, and the old one is good until its own end', () => {
    const { tokens, at } = book();
    const first = at(10_000);
    expect(at(10_500)).toBe(first);
    expect(at(10_624)).toBe(first);
    const second = at(10_625);
    expect(second).not.toBe(first);
    expect(tokens.issuedTo(HOLDER)).toEqual([
      { sha256: sha256Hex(second), issuedAt: 10_500, expiresAt: 11_500, token: second },
      { sha256: sha256Hex(first), issuedAt: 10_000, expiresAt: 11_000, token: first },
    ]);
  });

  it('are never handed out when they have ended', () => {
    const { at } = book();
    const first = at(10_000);
    expect(at(60_000)).not.toBe(first);
  });

  it('are kept over restarts, without those whom no manifest names any more', () => {
    const { at, tokens, path } = book();
    const token = at(10_000);
    tokens.renew(new Set([HOLDER, 'client sa:gone/dev']), 10_000);
    const reopened = book(path);
    expect(reopened.at(10_100)).toBe(token);
    expect(reopened.tokens.issuedTo('client sa:gone/dev')).toEqual([]);
  });

  it('that would live longer than is asked for now, or come from the future, are replaced', () => {
    const { at, path } = book(undefined, 1_000_000);
    at(10_000);
    const shorter = book(path, 1000);
    shorter.at(10_100);
    expect(shorter.tokens.issuedTo(HOLDER)[0]).toMatchObject({ issuedAt: 10_100, expiresAt: 11_100 });
    const earlier = book(path, 1_000_000);
    earlier.at(9000);
    expect(earlier.tokens.issuedTo(HOLDER)[0]).toMatchObject({ issuedAt: 9000 });
  });

  it('are made anew when the book cannot be read', () => {
    const path = join(temporaryFolder(), 'tokens.json');
    writeFileSync(path, '{');
    expect(book(path).at(1)).not.toBe('');
    expect(readFileSync(path, 'utf8')).toContain('"version":1');
  });

  it('that expired are remembered by hash only, a bounded number of them', () => {
    const { tokens, at } = book();
    for (let round = 0; round < 300; round += 1) at(round * 500);
    const issued = tokens.issuedTo(HOLDER);
    expect(issued).toHaveLength(100);
    expect(issued.filter(({ token }) => token !== undefined)).toHaveLength(2);
  });
});

async function killed(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
