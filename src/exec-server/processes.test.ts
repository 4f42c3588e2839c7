import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Fixture, type Notification } from './testing/fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await Fixture.start();
});
afterAll(() => fixture.close());

const encode = (text: string) => Buffer.from(text).toString('base64');

describe('process/start', () => {
  it('runs a command and tells output, exit and close in one gapless count', async () => {
    const client = await fixture.open();
    expect(await client.start('p', 'echo out; echo err >&2; exit 3')).toEqual({ processId: 'p', sandboxType: 'none' });
    const output = await client.outputOf('p');
    expect(output).toMatchObject({ stdout: 'out\n', stderr: 'err\n', exitCode: 3 });
    const notifications = client.of('p');
    expect(notifications.map(({ params }) => params.seq)).toEqual(notifications.map((_, index) => index + 1));
    expect(notifications.at(-1)?.method).toBe('process/closed');
  });

  it('gives real pipes, which can be opened by name', async () => {
    const client = await fixture.open();
    await client.start('p', 'echo a > /dev/stdout; echo b > /dev/stderr; echo c | tee /dev/stderr');
    expect(await client.outputOf('p')).toMatchObject({ stdout: 'a\nc\n', stderr: 'b\nc\n', exitCode: 0 });
  });

  it('gives no descriptor of ours, above all no terminal of another session', async () => {
    // A test runner may have got some from whoever started it: those are inherited, and not ours.
    const strange = readdirSync('/proc/self/fd').filter((fd) => isForeign(fd));
    const client = await fixture.open();
    const other = await fixture.open();
    await other.start('terminal', 'sleep 60', { tty: true });
    await other.start('pipes', 'cat', { pipeStdin: true });
    for (const tty of [false, true]) {
      const id = `fds-${tty}`;
      await client.start(id, 'ls -l /proc/$$/fd', { tty });
      const { stdout, pty } = await client.outputOf(id);
      const links = [...(tty ? pty : stdout).matchAll(/ (\d+) -> (\S+)/g)].filter(
        ([, fd = '']) => !strange.includes(fd),
      );
      const own = links.find(([, fd]) => fd === '0')?.[2];
      const others = links.filter(([, fd, target = '']) => Number(fd) > 2 && !['/dev/null', own].includes(target));
      expect(others.map(([, , target]) => target)).toEqual([]);
    }
  });

  it('gives exactly the environment that was asked for', async () => {
    const client = await fixture.open();
    await client.start('p', 'exec env', { argv: ['/usr/bin/env'], env: { A: '1' } });
    expect((await client.outputOf('p')).stdout).toBe('A=1\n');
    await client.start('t', 'exec env', { argv: ['/usr/bin/env'], env: { A: '1' }, tty: true });
    // Beside it what a shell sets for itself, which gave the program its terminal.
    const names = (await client.outputOf('t')).pty.split('\r\n').map((line) => line.split('=')[0] ?? '');
    expect(names.filter((name) => !['', 'PWD', 'OLDPWD', 'SHLVL', '_'].includes(name))).toEqual(['A']);
  });

  it('takes cwd and arg0', async () => {
    const client = await fixture.open();
    const members = {
      cwd: 'file:///usr/%62in',
      arg0: 'another',
      argv: ['/bin/sh', '-c', 'pwd; tr "\\0" "\\n" < /proc/$$/cmdline'],
    };
    await client.start('p', '', members);
    expect((await client.outputOf('p')).stdout).toMatch(/^\/usr\/bin\nanother\n/);
  });

  it.each([
    ['a duplicate id', { processId: 'taken' }, -32600],
    ['an empty argv', { argv: [] }, -32602],
    ['an empty program', { argv: [''] }, -32602],
    ['a missing program', { argv: ['/nowhere'] }, -32603],
    ['a missing program on a terminal', { argv: ['/nowhere'], tty: true }, -32603],
    ['a program that is not in the PATH', { argv: ['nowhere'], env: { PATH: '/bin' } }, -32603],
    ['a missing directory', { cwd: 'file:///nowhere' }, -32603],
    ['a missing directory on a terminal', { cwd: 'file:///nowhere', tty: true }, -32603],
    ['a native path', { cwd: '/tmp' }, -32602],
    ['a NUL in argv', { argv: ['/bin/echo', 'a\0b'] }, -32602],
    ['an equals sign in a name', { env: { 'A=B': '1' } }, -32602],
  ])('refuses %s', async (_name, members, code) => {
    const client = await fixture.open();
    await client.start('taken', 'sleep 60');
    await expect(client.start('p', 'true', members)).rejects.toMatchObject({ code });
    // A refused id stays free.
    await client.start('p', 'true');
  });

  it('tells signal deaths as 128 + n', async () => {
    const client = await fixture.open();
    await client.start('p', 'kill -SEGV $$');
    expect((await client.outputOf('p')).exitCode).toBe(139);
    await client.start('t', 'kill -SEGV $$', { tty: true });
    expect((await client.outputOf('t')).exitCode).toBe(139);
  });

  it('closes only when grandchildren gave up the pipes', async () => {
    const client = await fixture.open();
    await client.start('p', '(read x < /dev/null; sleep 0.2; echo late) & exit 0');
    const notifications = await client.closed('p');
    expect(notifications.map(({ method }) => method)).toEqual(['process/exited', 'process/output', 'process/closed']);
  });
});

describe('process/write', () => {
  it('reaches the child, once for each write id', async () => {
    const client = await fixture.open();
    await client.start('p', 'head -c 10', { pipeStdin: true });
    for (const [writeId, text] of [
      ['1', 'hello'],
      ['1', 'hello'],
      ['2', 'world'],
    ] as const) {
      expect(await client.call('process/write', { processId: 'p', chunk: encode(text), writeId })).toEqual({
        status: 'accepted',
      });
    }
    expect((await client.outputOf('p')).stdout).toBe('helloworld');
  });

  it('keeps a write id across a resume', async () => {
    const client = await fixture.open();
    await client.start('p', 'head -c 10', { pipeStdin: true });
    await client.call('process/write', { processId: 'p', chunk: encode('hello'), writeId: '1' });
    await client.disconnect();
    await expect
      .poll(() => fixture.open(client.sessionId).then((next) => Object.assign(client, { next })))
      .toBeDefined();
    const { next } = client as typeof client & { next: typeof client };
    await next.call('process/write', { processId: 'p', chunk: encode('hello'), writeId: '1' });
    await next.call('process/write', { processId: 'p', chunk: encode('world'), writeId: '2' });
    await next.call('process/read', { processId: 'p', afterSeq: 0 });
    expect((await next.outputOf('p')).exitCode).toBe(0);
  });

  it('answers with the state of the input', async () => {
    const client = await fixture.open();
    const write = (processId: string, writeId = '1') =>
      client.call('process/write', { processId, chunk: encode('x'), writeId });
    await client.start('p', 'true');
    expect(await write('p')).toEqual({ status: 'stdinClosed' });
    expect(await write('unknown')).toEqual({ status: 'unknownProcess' });
    await expect(client.call('process/write', { processId: 'p', chunk: 'a', writeId: '1' })).rejects.toMatchObject({
      code: -32602,
    });
    await expect(write('p', '')).rejects.toMatchObject({ code: -32602 });
  });

  it('ends the input by process/closeStdin, after everything written before', async () => {
    const client = await fixture.open();
    await client.start('p', 'cat', { pipeStdin: true });
    const text = 'x'.repeat(300_000);
    client.ask('process/write', { processId: 'p', chunk: encode(text), writeId: '1' });
    expect(await client.call('process/closeStdin', { processId: 'p' })).toEqual({ status: 'accepted' });
    expect(await client.call('process/closeStdin', { processId: 'p' })).toEqual({ status: 'stdinClosed' });
    expect(await client.call('process/closeStdin', { processId: 'q' })).toEqual({ status: 'unknownProcess' });
    expect((await client.outputOf('p')).stdout).toBe(text);
  });

  it('makes a client wait whose child does not read, and lets other requests pass', async () => {
    const client = await fixture.open();
    await client.start('p', 'read line; wc -c', { pipeStdin: true });
    await client.start('slow', 'sleep 60', { pipeStdin: true });
    const answers: unknown[] = [];
    const chunk = Buffer.alloc(2_000_000).toString('base64');
    void client.ask('process/write', { processId: 'slow', chunk, writeId: '1' }).then((answer) => answers.push(answer));
    await client.call('process/write', { processId: 'p', chunk: encode('a\nbc'), writeId: '1' });
    expect(answers).toEqual([]);
    await client.call('process/terminate', { processId: 'slow' });
    await client.closed('slow');
    await expect.poll(() => answers.length).toBe(1);
  });
});

describe('a terminal', () => {
  it('has 24 rows and 80 columns, one stream, CRLF, and an echo', async () => {
    const client = await fixture.open();
    await client.start('p', 'test -t 0 && stty size; read x; echo "got $x"; exit 7', { tty: true });
    await client.until(() => client.of('p').length > 0);
    await client.call('process/write', { processId: 'p', chunk: encode('abc\n'), writeId: '1' });
    const { pty, exitCode } = await client.outputOf('p');
    expect(pty).toBe('24 80\r\nabc\r\ngot abc\r\n');
    expect(exitCode).toBe(7);
  });

  it.each(['key', 'signal'])('ends a program by Ctrl-C, as a %s', async (how) => {
    const client = await fixture.open();
    await client.start('p', '', { argv: ['/bin/cat'], tty: true });
    const type = (text: string, writeId: string) =>
      client.call('process/write', { processId: 'p', chunk: encode(text), writeId });
    await type('ready\n', '1');
    // Once as the echo of the terminal, once from the program: it runs.
    await client.until(() => text(client.of('p')).split('ready').length === 3);
    if (how === 'key') await type('\x03', '2');
    else await client.call('process/signal', { processId: 'p', signal: 'interrupt' });
    expect((await client.outputOf('p')).exitCode).toBe(130);
  });

  it('loses nothing of what a program wrote just before it ended', async () => {
    const client = await fixture.open();
    await client.start('p', 'seq 1 20000', { tty: true });
    const { pty } = await client.outputOf('p');
    expect(pty).toBe(Array.from({ length: 20_000 }, (_, index) => `${index + 1}\r\n`).join(''));
  });

  it('takes a lot of input without blocking the server', async () => {
    const client = await fixture.open();
    await client.start('p', 'stty raw -echo; echo ready; head -c 1000000 | wc -c', { tty: true });
    await client.until(() => client.of('p').length > 0);
    await client.call('process/write', {
      processId: 'p',
      chunk: Buffer.alloc(1_000_000, 'x').toString('base64'),
      writeId: '1',
    });
    expect((await client.outputOf('p')).pty).toContain('1000000');
  });
});

describe('signals', () => {
  it('interrupt a program like Ctrl-C', async () => {
    const client = await fixture.open();
    await client.start('p', '', { argv: ['/bin/sleep', '60'] });
    expect(await client.call('process/signal', { processId: 'p', signal: 'interrupt' })).toEqual({});
    expect((await client.outputOf('p')).exitCode).toBe(130);
    expect(await client.call('process/signal', { processId: 'unknown', signal: 'interrupt' })).toEqual({});
  });

  it('terminate the whole tree, also what ignores signals', async () => {
    const client = await fixture.open();
    await client.start('p', 'trap "" TERM INT HUP; sleep 61 & echo $!; wait; sleep 62');
    await client.until(() => client.of('p').length > 0);
    expect(await client.call('process/terminate', { processId: 'p' })).toEqual({ running: true });
    const { stdout, exitCode } = await client.outputOf('p');
    expect(exitCode).toBe(137);
    await expect.poll(() => isRunning(stdout.trim())).toBe(false);
    expect(await client.call('process/terminate', { processId: 'p' })).toEqual({ running: false });
    expect(await client.call('process/terminate', { processId: 'unknown' })).toEqual({ running: false });
  });
});

describe('process/read', () => {
  it('answers all, after a number, and up to a size', async () => {
    const client = await fixture.open();
    await client.start('p', 'echo one; sleep 0.1; echo two');
    await client.closed('p');
    const read = (members: object) => client.call('process/read', { processId: 'p', ...members });
    expect(await read({})).toMatchObject({ nextSeq: 5, exited: true, exitCode: 0, closed: true, failure: null });
    expect((await read({})).chunks).toEqual([
      { seq: 1, stream: 'stdout', chunk: encode('one\n') },
      { seq: 2, stream: 'stdout', chunk: encode('two\n') },
    ]);
    expect((await read({ afterSeq: 1 })).chunks).toHaveLength(1);
    expect(await read({ maxBytes: 1 })).toMatchObject({ chunks: [{ seq: 1 }], nextSeq: 2 });
    expect(await read({ afterSeq: 100, waitMs: 10 })).toMatchObject({ chunks: [], nextSeq: 5 });
    await expect(client.call('process/read', { processId: 'q' })).rejects.toMatchObject({ code: -32600 });
  });

  it('waits for output, and not longer than asked', async () => {
    const client = await fixture.open();
    await client.start('p', 'read x; echo "$x"', { pipeStdin: true });
    expect(await client.call('process/read', { processId: 'p', waitMs: 5 })).toMatchObject({
      chunks: [],
      exited: false,
    });
    const answer = client.call('process/read', { processId: 'p', waitMs: 30_000 });
    await client.call('process/write', { processId: 'p', chunk: encode('now\n'), writeId: '1' });
    expect((await answer).chunks).toEqual([{ seq: 1, stream: 'stdout', chunk: encode('now\n') }]);
  });

  it('lets a client that only reads see everything, a megabyte at a time, and the exit last', async () => {
    const client = await fixture.open();
    await client.start('p', 'head -c 5000000 /dev/zero');
    let total = 0;
    for (let afterSeq = 0; ; ) {
      const answer = await client.call('process/read', { processId: 'p', afterSeq, waitMs: 1_000 });
      for (const { chunk } of answer.chunks) total += Buffer.from(chunk, 'base64').length;
      if (answer.closed) break;
      afterSeq = answer.nextSeq - 1;
    }
    expect(total).toBe(5_000_000);
  });
});

/** Inheritable (its close-on-exec flag, 02000000, is not set) and no standard stream. */
function isForeign(fd: string): boolean {
  try {
    const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0';
    return Number(fd) > 2 && (Number.parseInt(flags, 8) & 0o2000000) === 0;
  } catch {
    return false;
  }
}

function text(notifications: Notification[]): string {
  return notifications.map(({ params }) => Buffer.from(params.chunk ?? '', 'base64').toString()).join('');
}

function isRunning(pid: string): boolean {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) && !readFileSync(path, 'latin1').includes(') Z ');
}
