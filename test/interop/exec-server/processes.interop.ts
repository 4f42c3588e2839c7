import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/exec-server/testing/fixture.ts';
import { encode, outcome, outcomes, start, useBothPeers } from './both-peers.ts';

const same = useBothPeers();

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
      await start(client, 'p', 'echo one; sleep 0.1; echo two; sleep 0.1; exit 1');
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
