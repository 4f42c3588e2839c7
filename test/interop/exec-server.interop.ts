import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Fixture, type Json, TestClient } from '../../src/exec-server/testing/fixture.ts';
import { newestCodex } from './codex.ts';

/**
 * The same requests to our exec-server and to a real `codex exec-server --listen`: results, error codes and the order of notifications
 * must be the same. What differs on purpose is named at the scene that leaves it out.
 */
interface Peer {
  readonly name: string;
  readonly url: string;
}

let fixture: Fixture;
let real: ChildProcess;
let scratch: string;
let web: Server;
let webUrl: string;
const peers: Peer[] = [];

/** What both inherit: neither a secret of ours nor of this machine. */
const INHERITED = {
  PATH: '/usr/bin:/bin',
  LANG: 'C',
  FOO_KEY: '1',
  my_token: '2',
  KEYBOARD: '3',
  PLAIN: '4',
  User: 'u',
};

beforeAll(async () => {
  // Not below the temporary directory: a real Codex refuses that for its home.
  const codexHome = mkdtempSync(join(homedir(), '.codex-conformance-'));
  scratch = realpathSync(mkdtempSync(join(tmpdir(), 'conformance-')));
  const env = { ...INHERITED, HOME: homedir(), CODEX_HOME: codexHome };
  real = spawn(newestCodex.binary, ['exec-server', '--listen', 'ws://127.0.0.1:0'], {
    env,
    cwd: scratch,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  real.once('exit', () => rmSync(codexHome, { recursive: true, force: true }));
  const [line] = await once(real.stdout ?? process.stdin, 'data');
  fixture = await Fixture.start({ ownEnvironment: env });
  peers.push(
    { name: 'ours', url: fixture.server.url },
    { name: 'real', url: /ws:\/\/\S+/.exec(String(line))?.[0] ?? '' },
  );
  web = createServer(answerWeb).listen(0, '127.0.0.1');
  await once(web, 'listening');
  const address = web.address();
  webUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
});

afterAll(async () => {
  real.kill();
  web.closeAllConnections();
  web.close();
  await fixture.close();
  rmSync(scratch, { recursive: true, force: true });
});

/** Runs a scene against both, each in a directory of its own, and compares what it returns. */
async function same(scene: (client: TestClient, directory: string, peer: Peer) => Promise<Json>): Promise<Json> {
  const results: Json[] = [];
  for (const peer of peers) {
    const directory = join(scratch, 'scene');
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory);
    const client = await TestClient.open(peer.url);
    try {
      results.push(await scene(client, directory, peer));
    } finally {
      await client.disconnect();
    }
  }
  const [ours, theirs] = results;
  expect(ours).toEqual(theirs);
  return ours;
}

/** The result, or of an error its code: texts are each program's own. */
async function outcome(client: TestClient, method: string, params?: unknown): Promise<Json> {
  const { result, error } = await client.ask(method, params);
  return error ? { code: error.code } : result;
}

async function outcomes(client: TestClient, calls: readonly (readonly [string, unknown?])[]): Promise<Json[]> {
  const results: Json[] = [];
  for (const [method, params] of calls) results.push(await outcome(client, method, params));
  return results;
}

const encode = (text: string) => Buffer.from(text).toString('base64');

function start(client: TestClient, processId: string, command: string, members: object = {}): Promise<Json> {
  const params = {
    processId,
    argv: ['/bin/sh', '-c', command],
    cwd: 'file:///tmp',
    env: { PATH: '/usr/bin:/bin' },
    tty: false,
  };
  return outcome(client, 'process/start', { ...params, ...members });
}

describe('initialize', () => {
  it('comes first, once, and resumes what is known and free', async () => {
    await same(async (client, _directory, { url }) => {
      const fresh = await TestClient.connect(url);
      const before = await outcomes(fresh, [
        ['environment/status'],
        ['process/read', { processId: 'x' }],
        ['fs/readFile', { path: 'file:///etc/hostname' }],
        ['initialize', {}],
        ['initialize', { clientName: 'x', resumeSessionId: 'nope' }],
      ]);
      await fresh.call('initialize', { clientName: 'x' });
      const between = await outcomes(fresh, [['environment/status'], ['initialize', { clientName: 'x' }]]);
      fresh.notify('initialized', {});
      const after = await outcomes(fresh, [
        ['environment/status'],
        ['initialize', { clientName: 'x' }],
        ['foo/bar', {}],
      ]);
      const { sessionId } = client as TestClient & { sessionId: string };
      const second = await TestClient.connect(url);
      const attached = await outcome(second, 'initialize', { clientName: 'x', resumeSessionId: sessionId });
      await Promise.all([fresh.disconnect(), second.disconnect()]);
      return { before, between, after, attached };
    });
  });

  it('is followed by answers without an id to what is malformed', async () => {
    await same(async (client) => {
      for (const text of ['garbage', '[]', '{"id":null,"method":"x"}']) client.socket.send(text);
      await client.until(() => client.notifications.length === 3);
      return [client.notifications.map(({ params }) => params.code), await client.call('environment/status')];
    });
  });

  it.each([
    { method: 'process/exited', params: {} },
    { id: 7, result: {} },
  ])('ends with %j', async (message) => {
    await same(async (client) => {
      client.socket.send(JSON.stringify(message));
      await client.until(() => client.isClosed);
      return 'closed';
    });
  });
});

describe('environment/info', () => {
  it('has the members that a harness uses', async () => {
    await same(async (client) => {
      const { shell, platformOs, userHomeDir, tempDir } = await client.call('environment/info');
      return { shell, platformOs, userHomeDir, tempDir };
    });
  });
});

describe('processes', () => {
  it('tell output, exit and close the same way', async () => {
    await same(async (client) => {
      const started = await start(client, 'p', 'echo out; sleep 0.1; echo err >&2; sleep 0.1; exit 3');
      return [started, await client.closed('p')];
    });
  });

  it('refuse the same starts', async () => {
    await same(async (client) => {
      await start(client, 'taken', 'sleep 60');
      const members = [
        { processId: 'taken' },
        { argv: [] },
        { argv: ['/nowhere'] },
        { argv: ['/nowhere'], tty: true },
        { argv: [''] },
        { cwd: 'file:///nowhere' },
        { cwd: '/tmp' },
        { cwd: 'http://x/tmp' },
        { cwd: 'file://server/tmp' },
        { cwd: 'file:///tmp?x' },
        { env: 1 },
        { tty: 'yes' },
        { sandbox: 'none' },
      ];
      const results: Json[] = [];
      for (const member of members) results.push(await start(client, 'p', 'true', member));
      // An empty program is a bad parameter to us, and a failed start to a real executor.
      results.splice(4, 1);
      return results;
    });
  });

  it('are read the same way', async () => {
    await same(async (client) => {
      await start(client, 'p', 'echo one; sleep 0.1; echo two; exit 1');
      await client.closed('p');
      const read = (members: object) => ['process/read', { processId: 'p', ...members }] as const;
      return outcomes(client, [
        read({}),
        read({ afterSeq: 1 }),
        read({ afterSeq: null, maxBytes: null, waitMs: null }),
        read({ maxBytes: 1 }),
        read({ maxBytes: 1, afterSeq: 1 }),
        read({ afterSeq: 100, waitMs: 20 }),
        ['process/read', { processId: 'unknown' }],
      ]);
    });
  });

  it('take input the same way', async () => {
    await same(async (client) => {
      await start(client, 'p', 'head -c 10', { pipeStdin: true });
      await start(client, 'none', 'sleep 60');
      const write = (processId: string, text: string, writeId: string) =>
        ['process/write', { processId, chunk: encode(text), writeId }] as const;
      const results = await outcomes(client, [
        write('p', 'hello', '1'),
        write('p', 'hello', '1'),
        write('none', 'x', '1'),
        write('unknown', 'x', '1'),
        write('p', 'x', ''),
        ['process/write', { processId: 'p', chunk: 'a', writeId: '9' }],
        ['process/write', { processId: 'p', chunk: 'aGk=' }],
        write('p', 'world', '2'),
      ]);
      return [results, await client.outputOf('p')];
    });
  });

  it('end by signals the same way', async () => {
    await same(async (client) => {
      const sleep = { argv: ['/bin/sleep', '60'] };
      await start(client, 'interrupted', '', sleep);
      await start(client, 'terminated', '', sleep);
      await start(client, 'crashed', 'kill -SEGV $$');
      const results = await outcomes(client, [
        ['process/signal', { processId: 'interrupted', signal: 'interrupt' }],
        ['process/signal', { processId: 'unknown', signal: 'interrupt' }],
        ['process/signal', { processId: 'terminated', signal: 'kill' }],
        ['process/terminate', { processId: 'terminated' }],
        ['process/terminate', { processId: 'unknown' }],
      ]);
      const ends = [
        await client.closed('interrupted'),
        await client.closed('terminated'),
        await client.closed('crashed'),
      ];
      return [results, ends, await outcome(client, 'process/terminate', { processId: 'terminated' })];
    });
  });

  it('stay open while a grandchild holds the output', async () => {
    await same(async (client) => {
      await start(client, 'p', '(sleep 0.3; echo late) & exit 0');
      return client.closed('p');
    });
  });

  it('have the same terminal', async () => {
    await same(async (client) => {
      await start(client, 'p', 'tty > /dev/null && stty size; read x; echo "got $x"; exit 7', { tty: true });
      await client.until(() => client.of('p').length > 0);
      await client.call('process/write', { processId: 'p', chunk: encode('abc\n'), writeId: '1' });
      const { pty, exitCode } = await client.outputOf('p');
      return { pty, exitCode };
    });
  });

  it('can open their output by name', async () => {
    await same(async (client) => {
      await start(client, 'p', 'echo a > /dev/stdout; echo b > /dev/stderr; readlink /proc/self/fd/0');
      const { stdout, stderr } = await client.outputOf('p');
      return { stdout, stderr };
    });
  });

  it.each<[string, object | null]>([
    ['no policy', null],
    ['all', { inherit: 'all' }],
    ['all with what looks secret', { inherit: 'all', ignoreDefaultExcludes: true }],
    ['the core', { inherit: 'core' }],
    ['nothing', { inherit: 'none', set: { A_TOKEN: '1', ZED: '2' } }],
    ['exclusions', { inherit: 'all', ignoreDefaultExcludes: true, exclude: ['foo*', 'K?YBOARD'] }],
    [
      'inclusions',
      { inherit: 'all', ignoreDefaultExcludes: true, includeOnly: ['foo*', 'P*'], set: { ZED: '1', PIE: '2' } },
    ],
    ['brackets, which are themselves', { inherit: 'all', ignoreDefaultExcludes: true, includeOnly: ['[FP]*'] }],
  ])('get the same environment: %s', async (_name, members) => {
    const policy = members && {
      inherit: 'all',
      ignoreDefaultExcludes: false,
      exclude: [],
      set: {},
      includeOnly: [],
      ...members,
    };
    const result = await same(async (client) => {
      await start(client, 'p', '', { argv: ['/usr/bin/env'], env: { OVER: '1' }, envPolicy: policy });
      const lines = (await client.outputOf('p')).stdout.split('\n').filter((line) => !/^(CODEX_HOME|PATH)=/.test(line));
      return lines.sort();
    });
    expect(result).toContain('OVER=1');
  });
});

describe('a resumed session', () => {
  it('reads what it missed and goes on', async () => {
    await same(async (client, _directory, { url }) => {
      const { sessionId } = client as TestClient & { sessionId: string };
      await start(client, 'p', 'echo one; read x; echo two; exit 5', { pipeStdin: true });
      await client.until(() => client.of('p').length > 0);
      await client.disconnect();
      let next: TestClient | undefined;
      while (!next) next = await TestClient.open(url, sessionId).catch(() => undefined);
      const read = await outcome(next, 'process/read', { processId: 'p', afterSeq: 0 });
      await next.call('process/write', { processId: 'p', chunk: encode('\n'), writeId: '1' });
      const rest = await next.closed('p');
      await next.disconnect();
      return [read, rest];
    });
  });
});

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

describe('http/request', () => {
  /** What a proxy or a clock puts in, and how long a connection is kept. */
  const volatile = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length']);

  it.each<[string, object]>([
    ['GET', { path: '/echo' }],
    [
      'headers',
      {
        path: '/echo',
        headers: [
          { name: 'X-B', value: '1' },
          { name: 'X-B', value: '2' },
        ],
      },
    ],
    ['POST', { path: '/echo', method: 'POST', bodyBase64: encode('hi') }],
    ['a redirect', { path: '/found' }],
    ['a redirect of a POST', { path: '/found', method: 'POST', bodyBase64: encode('hi') }],
    ['a redirect that keeps the method', { path: '/temporary', method: 'POST', bodyBase64: encode('hi') }],
    ['a redirect not followed', { path: '/found', redirectPolicy: 'stop' }],
    ['redirects without end', { path: '/loop' }],
    ['a body that stays encoded', { path: '/encoded' }],
    ['a body that ends early', { path: '/cut' }],
    ['no answer in time', { path: '/silent', timeoutMs: 100 }],
    ['nobody there', { url: 'http://127.0.0.1:1/' }],
    ['another scheme', { url: 'ftp://x/' }],
    ['no URL', { url: 'nope' }],
    ['no method', { path: '/echo', method: 'B D' }],
    ['no header', { path: '/echo', headers: [{ name: 'a b', value: 'x' }] }],
    ['no base64', { path: '/echo', bodyBase64: 'a' }],
    ['a streamed body', { path: '/echo', streamResponse: true }],
    ['a streamed body that ends early', { path: '/cut', streamResponse: true }],
  ])('answers the same: %s', async (_name, { path, ...members }: Json) => {
    await same(async (client) => {
      const url = `${webUrl}${path ?? ''}`;
      const result = await outcome(client, 'http/request', { method: 'GET', url, requestId: 'r', ...members });
      if (members.streamResponse) await client.until(() => client.notifications.some(({ params }) => params.done));
      const deltas = client.notifications.map(({ params }) => ({
        ...params,
        error: params.error === null ? null : 'an error',
      }));
      const headers = result.headers?.filter(({ name }: Json) => !volatile.has(name));
      return { ...result, ...(headers && { headers }), deltas };
    });
  });
});

function answerWeb(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse): void {
  const redirects: Record<string, [number, string]> = {
    '/found': [302, '/echo'],
    '/temporary': [307, '/echo'],
    '/loop': [302, '/loop'],
  };
  const redirect = redirects[request.url ?? ''];
  if (redirect) {
    response.writeHead(redirect[0], { location: redirect[1] }).end('moved');
  } else if (request.url === '/encoded') {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end('not really');
  } else if (request.url === '/cut') {
    response.writeHead(200, { 'content-length': '100' }).write('abc', () => setTimeout(() => response.destroy(), 50));
  } else if (request.url === '/echo') {
    const { 'x-b': header, accept } = request.headers;
    request
      .setEncoding('utf8')
      .reduce((body: string, part: string) => body + part, '')
      .then(
        (body) =>
          response.setHeader('x-a', ['1', '2']).end(JSON.stringify({ method: request.method, header, accept, body })),
        () => response.destroy(),
      );
  }
}
