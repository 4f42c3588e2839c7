import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../telemetry/testing/manual-clock.ts';
import { CLOSED_PROCESS_MS, DETACHED_SESSION_MS, MAX_RUNNING_PROCESSES, RESUME_HOLD_MS } from './limits.ts';
import { Fixture, TestClient, TOKEN } from './testing/fixture.ts';

let fixture: Fixture;
let clock: ManualClock;
beforeEach(async () => {
  clock = new ManualClock();
  fixture = await Fixture.start({ clock });
});
afterEach(() => fixture.close());

const encode = (text: string) => Buffer.from(text).toString('base64');

/** The server notices a lost socket a moment after the client: until then -32010. */
async function resume(sessionId: string): Promise<Awaited<ReturnType<Fixture['open']>>> {
  for (;;) {
    try {
      return await fixture.open(sessionId);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === -32010)) throw error;
    }
  }
}

async function isRunning(pid: string): Promise<boolean> {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) && !readFileSync(path, 'latin1').includes(') Z ');
}

describe('the door', () => {
  const get = (path: string, headers: Record<string, string> = {}) =>
    new Promise<number>((resolve, reject) => {
      const url = fixture.server.url.replace('ws:', 'http:');
      request(url + path, { headers, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on('error', reject)
        .end();
    });

  it('says that it is ready to whoever asks, and nothing else', async () => {
    expect(await get('/readyz')).toBe(200);
    expect(await get('/')).toBe(404);
  });

  it.each([
    ['no token', {}, '401'],
    ['another token', { authorization: 'Bearer another' }, '401'],
    ['another scheme', { authorization: `Basic ${TOKEN}` }, '401'],
    ['an Origin, even with the token', { authorization: `Bearer ${TOKEN}`, origin: 'http://127.0.0.1' }, '403'],
  ])('is closed for %s', async (_name, headers, status) => {
    await expect(TestClient.connect(fixture.server.url, headers)).rejects.toThrow(status);
  });

  it('is on / only', async () => {
    await expect(TestClient.connect(`${fixture.server.url}/other`)).rejects.toThrow('404');
  });

  it('refuses a digest that is none', async () => {
    await expect(Fixture.start({ tokenSha256: 'abc' })).rejects.toThrow(RangeError);
  });
});

describe('initialize', () => {
  it('opens a session and says where it is', async () => {
    const client = await fixture.connect();
    const { sessionId, environmentInfo } = await client.call('initialize', { clientName: 'codex-environment' });
    expect(sessionId).toMatch(/^[0-9a-f-]{36}$/);
    expect(environmentInfo).toMatchObject({ platformOs: 'linux', executorVersion: '0.0.0-test', capabilities: {} });
    expect(environmentInfo.shell.path).toMatch(/^\//);
    expect(environmentInfo.cwd).toMatch(/^file:\/\/\//);
  });

  it('comes first, then initialized, then everything else', async () => {
    const client = await fixture.connect();
    const message = async (method: string) => (await client.ask(method, {})).error;
    expect(await message('process/start')).toEqual({
      code: -32600,
      message: 'client must call initialize before using exec methods',
    });
    expect((await message('fs/readFile')).message).toBe('client must call initialize before using filesystem methods');
    await client.call('initialize', { clientName: 'x' });
    expect((await message('http/request')).message).toBe('client must send initialized before using http methods');
    expect((await message('environment/status')).message).toBe(
      'client must send initialized before using environment status methods',
    );
    client.notify('initialized', {});
    expect(await client.call('environment/status')).toEqual({ status: 'ready' });
    expect(await message('initialize')).toMatchObject({ code: -32602 });
    expect((await client.ask('initialize', { clientName: 'x' })).error).toEqual({
      code: -32600,
      message: 'initialize may only be sent once per connection',
    });
  });

  it('refuses a session that it does not know, and one that is attached', async () => {
    const client = await fixture.open();
    await expect(fixture.open('nope')).rejects.toMatchObject({
      code: -32600,
      message: expect.stringContaining('unknown session id nope'),
    });
    await expect(fixture.open(client.sessionId)).rejects.toMatchObject({ code: -32010 });
  });

  it('can be tried again on the same connection after a refusal', async () => {
    const first = await fixture.open();
    const second = await fixture.connect();
    expect((await second.ask('initialize', { clientName: 'x', resumeSessionId: first.sessionId })).error.code).toBe(
      -32010,
    );
    await first.disconnect();
    await expect
      .poll(
        async () =>
          (await second.ask('initialize', { clientName: 'x', resumeSessionId: first.sessionId })).result?.sessionId,
      )
      .toBe(first.sessionId);
  });
});

describe('what is not understood', () => {
  it('is answered with -32601 when it is a method', async () => {
    const client = await fixture.open();
    expect((await client.ask('fs/watchMissing', { watchId: 1, missing: [] })).error.code).toBe(-32601);
    expect((await client.ask('environmentConfig/read', {})).error.code).toBe(-32601);
  });

  it('is answered without an id when it is malformed, and the connection stays', async () => {
    const client = await fixture.open();
    for (const text of ['garbage', '[]', '{"id":null,"method":"x"}', '{"id":1,"id":2,"method":"x"}'])
      client.socket.send(text);
    await client.until(() => client.notifications.length === 4);
    expect(client.notifications.map(({ params }) => params.code)).toEqual([-32600, -32600, -32600, -32600]);
    expect(await client.call('environment/status')).toEqual({ status: 'ready' });
  });

  it.each([
    ['a notification that no client sends', { method: 'process/exited', params: {} }],
    ['an answer that nobody asked for', { id: 7, result: {} }],
  ])('ends the connection when it is %s', async (_name, message) => {
    const client = await fixture.open();
    client.socket.send(JSON.stringify(message));
    await client.until(() => client.isClosed);
  });

  it('ends the connection when initialized comes first', async () => {
    const client = await fixture.connect();
    client.notify('initialized', {});
    await client.until(() => client.isClosed);
  });
});

describe('a detached session', () => {
  it('keeps its processes and what they say, and goes on where the client says', async () => {
    const client = await fixture.open();
    await client.start('p', 'echo one; read x; echo two; exit 5', { pipeStdin: true });
    await client.until(() => client.of('p').length === 1);
    await client.disconnect();
    const next = await resume(client.sessionId);
    expect((await next.call('process/read', { processId: 'p', afterSeq: 0 })).chunks).toEqual([
      { seq: 1, stream: 'stdout', chunk: encode('one\n') },
    ]);
    await next.call('process/write', { processId: 'p', chunk: encode('\n'), writeId: '1' });
    const notifications = await next.closed('p');
    expect(notifications.map(({ params }) => params.seq)).toEqual([2, 3, 4]);
  });

  it('sends what is new to a client that does not ask', async () => {
    const client = await fixture.open();
    await client.start('p', 'echo one; read x; echo two', { pipeStdin: true });
    await client.until(() => client.of('p').length === 1);
    await client.disconnect();
    const next = await resume(client.sessionId);
    await next.call('process/write', { processId: 'p', chunk: encode('\n'), writeId: '1' });
    clock.advance(RESUME_HOLD_MS);
    expect((await next.outputOf('p')).stdout).toBe('two\n');
  });

  it('is resumed at 119 s and unknown at 120 s, with its processes killed', async () => {
    const client = await fixture.open();
    await client.start('p', 'echo $$; trap "" TERM; while :; do sleep 1; done');
    await client.until(() => client.of('p').length === 1);
    const pid = Buffer.from(client.of('p')[0]?.params.chunk, 'base64').toString().trim();
    await client.disconnect();
    const next = await resume(client.sessionId);
    await next.disconnect();
    // Detached when the server noticed: only then does its time run.
    await expect.poll(() => fixture.open(client.sessionId).then((again) => again.disconnect())).toBeUndefined();
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(DETACHED_SESSION_MS - 1);
    await (await resume(client.sessionId)).disconnect();
    await expect
      .poll(async () => {
        clock.advance(DETACHED_SESSION_MS);
        return fixture.open(client.sessionId).then(
          (again) => again.disconnect(),
          (error: { code: number }) => error.code,
        );
      })
      .toBe(-32600);
    await expect
      .poll(() => {
        clock.advance(10_000);
        return isRunning(pid);
      })
      .toBe(false);
  });

  it('gives 50 MiB complete and in order to a client that paused, was cut, and came back', {
    timeout: 60_000,
  }, async () => {
    const total = 50 * 1024 * 1024;
    const client = await fixture.open();
    await client.start('p', `seq -w 1 6553600 | head -c ${total}`);
    const pieces: Buffer[] = [];
    let last = 0;
    const take = (from: TestClient) => {
      for (const { method, params } of from.of('p')) {
        if (params.seq !== last + 1) continue;
        last = params.seq;
        if (method === 'process/output') pieces.push(Buffer.from(params.chunk, 'base64'));
      }
      from.notifications.length = 0;
    };
    await client.until(() => client.of('p').length > 100);
    client.socket.pause();
    await new Promise((resolve) => setImmediate(resolve));
    take(client);
    let current = client;
    let isClosed = false;
    for (let cut = 0; !isClosed; cut++) {
      await current.disconnect();
      take(current);
      current = await resume(client.sessionId);
      const answer = await current.call('process/read', { processId: 'p', afterSeq: last });
      for (const { seq, chunk } of answer.chunks) {
        if (seq !== last + 1) continue;
        last = seq;
        pieces.push(Buffer.from(chunk, 'base64'));
      }
      const seen = () => current.of('p').some(({ method }) => method === 'process/closed');
      await current.until(() => seen() || (cut < 5 && current.of('p').length > 50));
      isClosed = seen();
      take(current);
    }
    const output = Buffer.concat(pieces);
    expect(output.length).toBe(total);
    // 8 bytes a line, counted up: any loss or change of order shows.
    for (let line = 0; line < total / 8; line += 997) {
      expect(output.toString('latin1', line * 8, line * 8 + 7)).toBe(String(line + 1).padStart(7, '0'));
    }
  });
});

describe('sessions among each other', () => {
  it('know nothing of the processes of another', async () => {
    const one = await fixture.open();
    const other = await fixture.open();
    await one.start('p', 'sleep 60', { pipeStdin: true });
    await expect(other.call('process/read', { processId: 'p' })).rejects.toMatchObject({ code: -32600 });
    expect(await other.call('process/write', { processId: 'p', chunk: '', writeId: '1' })).toEqual({
      status: 'unknownProcess',
    });
    expect(await other.call('process/terminate', { processId: 'p' })).toEqual({ running: false });
    await other.start('p', 'echo mine');
    expect((await other.outputOf('p')).stdout).toBe('mine\n');
    expect(one.of('p')).toEqual([]);
  });
});

describe('limits', () => {
  it('refuse one process too many, with the number', async () => {
    const client = await fixture.open();
    const starts = Array.from({ length: MAX_RUNNING_PROCESSES }, (_, index) =>
      client.start(`p${index}`, '', { argv: ['/bin/sleep', '60'] }),
    );
    await Promise.all(starts);
    await expect(client.start('p', 'true')).rejects.toMatchObject({
      code: -32600,
      message: expect.stringContaining(String(MAX_RUNNING_PROCESSES)),
    });
    await client.call('process/terminate', { processId: 'p0' });
    await client.closed('p0');
    await client.start('p', 'true');
  });

  it('forget a process a while after its end, and its id is free', async () => {
    const client = await fixture.open();
    await client.start('p', 'true');
    await client.closed('p');
    await expect(client.start('p', 'true')).rejects.toMatchObject({ code: -32600 });
    clock.advance(CLOSED_PROCESS_MS);
    await expect(client.call('process/read', { processId: 'p' })).rejects.toMatchObject({ code: -32600 });
    await client.start('p', 'true');
  });

  it('let a thousand requests wait instead of refusing them', async () => {
    const client = await fixture.open();
    await client.start('p', '', { argv: ['/bin/sleep', '60'] });
    const reads = Array.from({ length: 1_000 }, () => client.call('process/read', { processId: 'p', waitMs: 60_000 }));
    const killed = client.call('process/terminate', { processId: 'p' });
    // Read only when earlier requests are answered, so time must pass for them.
    await expect
      .poll(() => {
        clock.advance(60_000);
        return Promise.race([killed, 'waits']);
      })
      .toEqual({ running: true });
    expect(await Promise.all(reads)).toHaveLength(1_000);
  });
});

describe('the end of a session', () => {
  it('comes at once by noisefleet/endSession, kills what is in the background as well, and is for good', async () => {
    const client = await fixture.open();
    await client.start('p', 'sleep 60 > /dev/null 2>&1 & echo $!; exit 0');
    const background = (await client.outputOf('p')).stdout.trim();
    await client.start('q', 'sleep 60');
    expect(await isRunning(background)).toBe(true);
    expect(await client.call('noisefleet/endSession', {})).toEqual({});
    await client.until(() => client.isClosed);
    await expect.poll(() => isRunning(background)).toBe(false);
    await expect(fixture.open(client.sessionId)).rejects.toMatchObject({ code: -32600 });
  });

  it('kills what runs in a session of its leader that was forgotten long ago, also out of its group', async () => {
    const client = await fixture.open();
    // Job control gives the one in the background a group of its own.
    await client.start('p', 'set -m; sleep 60 > /dev/null 2>&1 & echo $!; exit 0');
    const background = (await client.outputOf('p')).stdout.trim();
    await client.closed('p');
    clock.advance(CLOSED_PROCESS_MS);
    // Longer than it takes to look for what it left.
    await client.start('q', 'sleep 0.5');
    await client.closed('q');
    expect(await isRunning(background)).toBe(true);
    await client.call('noisefleet/endSession', {});
    await expect.poll(() => isRunning(background)).toBe(false);
  });

  it('can be a notification', async () => {
    const client = await fixture.open();
    client.notify('noisefleet/endSession', {});
    await client.until(() => client.isClosed);
    await expect(fixture.open(client.sessionId)).rejects.toMatchObject({ code: -32600 });
  });

  it('comes for all when the server closes, also for what ignores SIGTERM', async () => {
    const own = await Fixture.start();
    const client = await own.open();
    await client.start('p', 'trap "" TERM HUP; echo $$; while :; do sleep 1; done');
    await client.until(() => client.of('p').length === 1);
    const pid = Buffer.from(client.of('p')[0]?.params.chunk, 'base64').toString().trim();
    await own.close();
    await expect.poll(() => isRunning(pid)).toBe(false);
  });
});
