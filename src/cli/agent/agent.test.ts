import { chmod, mkdir, mkdtemp, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { givenDirectory, withRegistry, withWorkspace } from './codex-arguments.ts';
import { harnessVariables, loopbackEnvironment } from './loopback-environment.ts';
import { Refusals } from './refusals.ts';
import { RestartPauses } from './restart-pauses.ts';
import { makeWorkspace } from './workspace.ts';

describe('the command of an agent', () => {
  it.each([
    [['codex'], ['codex', '-C', '/w']],
    [
      ['codex', 'fix it'],
      ['codex', '-C', '/w', 'fix it'],
    ],
    [
      ['/opt/codex-0.169.0', 'exec', 'go'],
      ['/opt/codex-0.169.0', 'exec', '-C', '/w', 'go'],
    ],
    [
      ['codex', 'e', 'go'],
      ['codex', 'e', '-C', '/w', 'go'],
    ],
    [
      ['codex', 'exec', '-C', '/other', 'go'],
      ['codex', 'exec', '-C', '/other', 'go'],
    ],
    [
      ['codex', '--cd=/other'],
      ['codex', '--cd=/other'],
    ],
    [
      ['codex', 'app-server'],
      ['codex', 'app-server'],
    ],
    [
      ['aider', 'go'],
      ['aider', 'go'],
    ],
  ])('%j becomes %j', (given, expected) => {
    expect(withWorkspace(given, '/w')).toEqual(expected);
  });

  it.each([
    [['codex', 'exec', '-C', '/a', 'go'], '/a'],
    [['codex', '--cd=/b'], '/b'],
    [['codex', '-C/c'], '/c'],
    [['codex', 'exec', 'go'], undefined],
  ])('%j names the directory %s', (given, directory) => {
    expect(givenDirectory(given)).toBe(directory);
  });

  it('says where an executor registers, unless it says so itself', () => {
    expect(withRegistry(['codex', 'exec-server'], 'http://r', 'e')).toEqual([
      'codex',
      'exec-server',
      '--remote',
      'http://r',
      '--environment-id',
      'e',
    ]);
    expect(() => withRegistry(['codex', 'exec-server', '--remote=http://x'], 'http://r', 'e')).toThrow(/leave out/);
  });

  it('reaches loopback past a proxy', () => {
    const env = loopbackEnvironment({ NO_PROXY: 'intern', HTTP_PROXY: 'http://p' }, harnessVariables('u', 'e', 't'));
    expect(env).toMatchObject({
      NO_PROXY: 'intern,127.0.0.1,localhost',
      no_proxy: '127.0.0.1,localhost',
      HTTP_PROXY: 'http://p',
      CODEX_EXEC_SERVER_NOISE_AUTH_TOKEN: 't',
    });
  });
});

describe('the workspace path on this side', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'workspace-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is made for its owner only', async () => {
    await makeWorkspace(join(folder, 'a', 'b'));
    expect((await stat(join(folder, 'a', 'b'))).mode & 0o777).toBe(0o700);
    await makeWorkspace(join(folder, 'a', 'b'));
  });

  it.each([
    ['a link', (path: string) => symlink(folder, path)],
    ['a link that leads nowhere', (path: string) => symlink(join(folder, 'none'), path)],
    ['everybody’s to write', async (path: string) => mkdir(path).then(() => chmod(path, 0o777))],
  ])('is refused when it is %s', async (_what, make) => {
    const path = join(folder, 'w');
    await make(path);
    await expect(makeWorkspace(path)).rejects.toThrow(/workspace_unsafe/);
  });

  it('is refused when it belongs to somebody else', async () => {
    await expect(makeWorkspace(folder, 4_000_000)).rejects.toThrow(/belongs to somebody else/);
  });
});

describe('Refusals', () => {
  const refused = { type: 'refused', call: 'connect', status: 403, code: 'not_authorized', message: 'no' } as const;

  it('tells a final refusal at once, and once', () => {
    const lines: string[] = [];
    const refusals = new Refusals({
      attempt: { label: 'default/demo' },
      mayInterrupt: true,
      tell: (line) => lines.push(line),
    });
    refusals.take(refused);
    refusals.take(refused);
    refusals.finish();
    expect(lines.length).toBe(1);
    expect(lines[0]).toContain('you may not connect to default/demo (not_authorized)');
  });

  it('waits for the end of a child that owns the screen, and forgets what was mended', () => {
    const lines: string[] = [];
    const refusals = new Refusals({
      attempt: { label: 'default/demo' },
      mayInterrupt: false,
      tell: (line) => lines.push(line),
    });
    refusals.take(refused);
    refusals.take({ type: 'attached' });
    refusals.finish();
    expect(lines).toEqual([]);
    refusals.take({ ...refused, status: 409, code: 'environment_offline' });
    refusals.finish();
    expect(lines[0]).toContain('environment_offline');
  });
});

describe('RestartPauses', () => {
  it('doubles from 1 s to 30 s, and begins again after a child that lived', () => {
    const pauses = new RestartPauses(() => 0);
    expect(Array.from({ length: 7 }, () => pauses.after(10))).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect(pauses.after(60_000)).toBe(1000);
  });
});
