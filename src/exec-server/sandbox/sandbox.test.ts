import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Fixture, type TestClient } from '../testing/fixture.ts';
import { findBubblewrap } from './bubblewrap.ts';
import { mountsOf } from './mounts.ts';
import { accessTo, type Rule } from './permissions.ts';

const bubblewrap = await findBubblewrap(process.env.PATH);

let fixture: Fixture;
let client: TestClient;
beforeAll(async () => {
  fixture = await Fixture.start({ sandbox: 'enforce' });
  client = await fixture.open();
  for (const name of ['project', 'project/.git', 'outside']) mkdirSync(join(fixture.directory, name));
  writeFileSync(at('project/file'), 'inside');
  writeFileSync(at('outside/secret'), 'outside');
  symlinkSync('../outside/secret', at('project/link'));
  symlinkSync('../outside', at('project/out'));
});
afterAll(() => fixture.close());

const at = (name: string) => join(fixture.directory, name);
const uri = (name: string) => pathToFileURL(at(name)).href;
const special = (kind: string, access: string, subpath?: string) => ({
  path: { type: 'special', value: { kind, ...(subpath !== undefined && { subpath }) } },
  access,
});

/** As the real harness sends it in workspace-write mode. */
function workspaceWrite(extra: object[] = [], network = 'restricted') {
  const entries = [
    special('root', 'read'),
    special('project_roots', 'write'),
    { ...special('project_roots', 'read', '.git'), missing_path_behavior: 'skip' },
    { path: { type: 'path', path: uri('outside/secret') }, access: 'deny' },
    ...extra,
  ];
  return sandbox({ type: 'managed', file_system: { type: 'restricted', entries }, network });
}

function sandbox(permissions: object) {
  return {
    permissions,
    cwd: uri('project'),
    workspaceRoots: [uri('project')],
    windowsSandboxLevel: 'disabled',
    useLegacyLandlock: false,
  };
}

let started = 0;
async function run(command: string, request: object, members: object = {}) {
  const id = `p${started++}`;
  const { sandboxType } = await client.start(id, command, { sandbox: request, cwd: uri('project'), ...members });
  return { sandboxType, ...(await client.outputOf(id)) };
}

function describeBubblewrap(): void {
  it('write where they may, and nowhere else', async () => {
    const script =
      'echo new > file2; echo x > .git/x; echo x > ../outside/x; cat ../outside/secret; cat file; rm file2; id -u';
    const { stdout, stderr, sandboxType } = await run(script, workspaceWrite());
    expect(sandboxType).toBe('linuxSeccomp');
    expect(stdout).toBe(`inside${process.getuid?.()}\n`);
    expect(stderr).toMatch(/\.git\/x.*\n.*outside\/x.*\n.*secret/);
  });

  it('see no process and no network but their own', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const probe = `ls /proc | grep -c '^[0-9]'; (exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null && echo connected || echo alone`;
    const bash = (request: object) => run('', request, { argv: ['/bin/bash', '-c', probe] });
    const restricted = (await bash(workspaceWrite())).stdout.split('\n');
    expect(Number(restricted[0])).toBeLessThan(8);
    expect(restricted[1]).toBe('alone');
    expect((await bash(workspaceWrite([], 'enabled'))).stdout).toContain('connected');
    server.close();
  });

  it('see only what is listed when the root is not', async () => {
    const entries = [special('minimal', 'read'), special('project_roots', 'write')];
    const request = sandbox({ type: 'managed', file_system: { type: 'restricted', entries }, network: 'restricted' });
    const { stdout, stderr } = await run('cat file; ls ../; touch /new', request);
    expect(stdout).toBe('insideproject\n');
    expect(stderr).toContain('/new');
  });

  it('get a terminal, signals and exit codes as others do', async () => {
    expect(await run('test -t 0 && stty size; exit 4', workspaceWrite(), { tty: true })).toMatchObject({
      pty: '24 80\r\n',
      exitCode: 4,
    });
    await client.start('long', 'echo ready; sleep 60', { sandbox: workspaceWrite(), cwd: uri('project') });
    await client.until(() => client.of('long').length > 0);
    await client.call('process/terminate', { processId: 'long' });
    expect((await client.outputOf('long')).exitCode).toBe(137);
  });

  it('are interrupted without losing what they say about it', async () => {
    const script = "trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.05; done";
    for (const tty of [false, true]) {
      const id = `interrupt-${tty}`;
      await client.start(id, script, { sandbox: workspaceWrite(), cwd: uri('project'), tty });
      await client.until(() => client.of(id).length > 0);
      await client.call('process/signal', { processId: id, signal: 'interrupt' });
      const { stdout, pty, exitCode } = await client.outputOf(id);
      expect([tty ? pty : stdout, exitCode]).toEqual([expect.stringContaining('interrupted'), 9]);
    }
  });

  it('start with -32603 when there is nothing to start', async () => {
    const start = client.start('none', '', { argv: ['/nowhere'], sandbox: workspaceWrite(), cwd: uri('project') });
    await expect(start).rejects.toMatchObject({ code: -32603 });
  });
}

function describeRefusal(): void {
  it('are refused with the reason', async () => {
    const refusal = client.start('p', 'true', { sandbox: workspaceWrite(), cwd: uri('project') });
    await expect(refusal).rejects.toMatchObject({ code: -32600, message: expect.stringContaining(String(bubblewrap)) });
  });
}

// Where bubblewrap is missing, a skipped test would say less than one of what happens then.
describe('sandboxed commands', typeof bubblewrap === 'string' ? describeRefusal : describeBubblewrap);

describe('a sandbox that cannot be enforced', () => {
  const glob = { path: { type: 'glob_pattern', pattern: '**/*.env' }, access: 'deny' };
  it.each<[string, () => object, number]>([
    ['is refused for globs', () => workspaceWrite([glob]), -32600],
    [
      'is refused for a path that does not exist and must not be made',
      () => workspaceWrite([special('project_roots', 'read', '.codex')]),
      -32600,
    ],
    [
      'is refused when it hides the working directory',
      () =>
        sandbox({
          type: 'managed',
          file_system: { type: 'restricted', entries: [special('minimal', 'read')] },
          network: 'restricted',
        }),
      -32600,
    ],
    [
      'is refused when it is not understood',
      () => sandbox({ type: 'managed', file_system: { type: 'new' }, network: 'restricted' }),
      -32602,
    ],
    ['is refused when a kind of path is not known', () => workspaceWrite([special('home', 'read')]), -32602],
    ['is refused when it is no sandbox at all', () => ({}), -32602],
    [
      'is refused for a subpath that leaves its base',
      () => workspaceWrite([special('project_roots', 'write', '../outside')]),
      -32602,
    ],
  ])('%s', async (_name, request, code) => {
    await expect(client.start('refused', 'true', { sandbox: request(), cwd: uri('project') })).rejects.toMatchObject({
      code,
    });
  });

  it('is no sandbox at all in danger-full-access mode, or when permissions are disabled', async () => {
    for (const request of [null, sandbox({ type: 'disabled' })]) {
      const id = `open-${started++}`;
      expect(await client.start(id, 'true', { sandbox: request })).toMatchObject({ sandboxType: 'none' });
    }
  });
});

describe('file requests with a sandbox', () => {
  const ask = async (method: string, params: object) => {
    const { error } = await client.ask(method, { sandbox: workspaceWrite(), ...params });
    return error?.code ?? 'allowed';
  };
  const data = Buffer.from('x').toString('base64');

  it.each<[string, string, () => object, number | 'allowed']>([
    ['read what may be read', 'fs/readFile', () => ({ path: uri('project/file') }), 'allowed'],
    ['do not read what is denied', 'fs/readFile', () => ({ path: uri('outside/secret') }), -32600],
    ['nor through a link', 'fs/readFile', () => ({ path: uri('project/link') }), -32600],
    ['nor through a linked directory', 'fs/getMetadata', () => ({ path: uri('project/out/secret') }), -32600],
    ['nor by a handle', 'fs/open', () => ({ handleId: 'h', path: uri('project/link') }), -32600],
    [
      'nor by copying',
      'fs/copy',
      () => ({ sourcePath: uri('outside/secret'), destinationPath: uri('project/c'), recursive: false }),
      -32600,
    ],
    ['do not see our own processes', 'fs/readFile', () => ({ path: 'file:///proc/self/environ' }), -32600],
    ['write a new file', 'fs/writeFile', () => ({ path: uri('project/new'), dataBase64: data }), 'allowed'],
    ['write an old file', 'fs/writeFile', () => ({ path: uri('project/new'), dataBase64: data }), 'allowed'],
    ['do not write elsewhere', 'fs/writeFile', () => ({ path: uri('outside/new'), dataBase64: data }), -32600],
    [
      'nor through a linked directory',
      'fs/writeFile',
      () => ({ path: uri('project/out/new'), dataBase64: data }),
      -32600,
    ],
    ['nor to what a link leads to', 'fs/writeFile', () => ({ path: uri('project/link'), dataBase64: data }), -32600],
    ['nor to a protected part', 'fs/writeFile', () => ({ path: uri('project/.git/config'), dataBase64: data }), -32600],
    ['nor by a handle', 'fs/open', () => ({ handleId: 'w', path: uri('outside/new'), mode: 'replace' }), -32600],
    ['make directories', 'fs/createDirectory', () => ({ path: uri('project/a/b/c') }), 'allowed'],
    ['but not elsewhere', 'fs/createDirectory', () => ({ path: uri('outside/a/b') }), -32600],
    [
      'copy a tree',
      'fs/copy',
      () => ({ sourcePath: uri('project/a'), destinationPath: uri('project/z'), recursive: true }),
      'allowed',
    ],
    ['remove a tree', 'fs/remove', () => ({ path: uri('project/a') }), 'allowed'],
    ['remove a link and not what it leads to', 'fs/remove', () => ({ path: uri('project/out') }), 'allowed'],
    ['do not remove a protected part', 'fs/remove', () => ({ path: uri('project/.git') }), -32600],
    ['list and walk', 'fs/readDirectory', () => ({ path: uri('project') }), 'allowed'],
    ['say what is missing', 'fs/readFile', () => ({ path: uri('project/missing') }), -32004],
  ])('%s (%s)', async (_name, method, params, expected) => {
    expect(await ask(method, params())).toBe(expected);
    expect(readFileSync(at('outside/secret'), 'utf8')).toBe('outside');
  });
});

describe('mounts', () => {
  it('decide as accessTo does: the last one that contains a path is the nearest rule', () => {
    const segment = fc.constantFrom('usr', 'etc', 'tmp');
    const path = fc.array(segment, { maxLength: 3 }).map((segments) => `/${segments.join('/')}`);
    const rule = fc.record({
      path,
      access: fc.constantFrom('read', 'write', 'deny' as const),
      exists: fc.constant(true),
      skipMissing: fc.constant(true),
    });
    fc.assert(
      fc.property(fc.array(rule as fc.Arbitrary<Rule>, { maxLength: 6 }), path, (rules, asked) => {
        // `deny` looks at what is there to be covered.
        const known = rules.filter(
          ({ access, path }) => access !== 'deny' || ['/', '/usr', '/etc', '/tmp'].includes(path),
        );
        const { options } = mountsOf({ files: known, network: false });
        let access = 'deny';
        options.forEach((option, index) => {
          const target = option === '--tmpfs' ? options[index + 1] : options[index + 2];
          const kind = { '--bind': 'write', '--ro-bind': 'read', '--tmpfs': 'deny' }[option];
          if (kind === undefined || target === undefined) return;
          if (target === '/' || asked === target || asked.startsWith(`${target}/`)) access = kind;
        });
        expect(access).toBe(accessTo(known, asked));
      }),
    );
  });
});
