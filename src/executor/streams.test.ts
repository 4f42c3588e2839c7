import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { generateKeypair } from '../noise/index.ts';
import {
  encodeFrame,
  MAX_MESSAGE_BYTES,
  MAX_STREAM_BYTES_IN_FLIGHT,
  parseStreamId,
  probeText,
  type StreamId,
} from '../wire/index.ts';
import { eventually, Fixture } from './testing/fixture.ts';
import { type HarnessOptions, sessionIn, TestHarness } from './testing/test-harness.ts';

let fixture: Fixture;
afterEach(() => fixture.close());

/** A harness that has not knocked yet. */
async function stranger(parts: Partial<HarnessOptions> = {}): Promise<TestHarness> {
  const socket = await fixture.socket();
  const { environmentId } = fixture.registry;
  return new TestHarness({ socket, environmentId, executorKey: fixture.key('k1').publicKey, ...parts });
}

const PROTOCOL_ERROR = 'noise_relay_protocol_error';

describe('flow control', () => {
  it('keeps at most 512 KiB of a stream on the way, and then reads no more of it', async () => {
    fixture = await Fixture.start();
    const harness = await fixture.harness();
    await harness.initialize();
    const socket = await fixture.socket();
    socket.reports = false;
    const before = harness.receivedBytes;
    harness.sendText('{"method":"flood","params":{"count":3000,"size":10000}}');
    const [exec] = fixture.execServer.connections;
    await eventually(
      () => harness.receivedBytes > MAX_STREAM_BYTES_IN_FLIGHT - 70_000 && (exec?.bufferedAmount ?? 0) > 0,
    );
    expect(harness.receivedBytes).toBeLessThanOrEqual(MAX_STREAM_BYTES_IN_FLIGHT);
    expect(harness.receivedBytes).toBeGreaterThan(before);
    socket.reports = true;
    socket.deliver(harness.streamId, harness.receivedBytes);
    await harness.message((message) => JSON.stringify(message).includes('"n":2999,'));
    const order = harness.messages.flatMap((message) => /"n":(\d+),/.exec(JSON.stringify(message))?.[1] ?? []);
    expect(order).toEqual(Array.from({ length: 3000 }, (_, n) => `${n}`));
  });

  it('lets other streams pass one whose harness is stuck', async () => {
    fixture = await Fixture.start();
    const stuck = await fixture.harness();
    await stuck.initialize();
    const healthy = await fixture.harness();
    await healthy.initialize();
    const socket = await fixture.socket();
    socket.reports = false;
    stuck.sendText('{"method":"flood","params":{"count":3000,"size":10000}}');
    await eventually(() => stuck.receivedBytes > MAX_STREAM_BYTES_IN_FLIGHT - 70_000);
    for (let n = 0; n < 10; n += 1)
      expect(await healthy.request('echo', { n })).toMatchObject({ result: { echo: { n } } });
  });

  it('resets a stream whose exec-server connection does not drain, and no other', async () => {
    fixture = await Fixture.start();
    const healthy = await fixture.harness();
    await healthy.initialize();
    const flooding = await fixture.harness();
    await flooding.initialize();
    fixture.execServer.stalled = true;
    flooding.sendText('{"method":"stall"}');
    await eventually(() => fixture.execServer.received.some((text) => text.includes('stall')));
    fixture.execServer.stalled = false;
    const filler = 'x'.repeat(30_000_000);
    for (let n = 0; n < 4; n += 1) flooding.sendText(`{"method":"echo","params":{"filler":"${filler}"}}`);
    expect(await flooding.reset).toBe(PROTOCOL_ERROR);
    expect(await healthy.request('echo', {})).toMatchObject({ result: {} });
    expect(fixture.log.lines('stream closed')).toMatchObject([{ reason: 'backlog_of_one_stream' }]);
  });

  it('resets the largest of the streams that keep whole answers waiting for harnesses that do not read', async () => {
    fixture = await Fixture.start();
    const healthy = await fixture.harness();
    await healthy.initialize();
    const greedy: TestHarness[] = [];
    for (let n = 0; n < 3; n += 1) greedy.push(await fixture.harness());
    await Promise.all(greedy.map((harness) => harness.initialize()));
    (await fixture.socket()).reports = false;
    // Two of these fit beside each other, as two legal answers of 64 MiB do.
    for (const harness of greedy) harness.sendText('{"method":"flood","params":{"count":1,"size":50000000}}');
    await Promise.race(greedy.map((harness) => harness.reset));
    expect(fixture.log.lines('stream closed')).toMatchObject([{ reason: 'backlog_of_all_streams' }]);
    expect(await healthy.request('echo', {})).toMatchObject({ result: {} });
  });
});

describe('handshakes', () => {
  it('are refused for another key, environment or registration, and leave the others alone', async () => {
    fixture = await Fixture.start();
    const healthy = await fixture.harness();
    await healthy.initialize();
    const { parseEnvironmentId } = await import('../wire/index.ts');
    const hostile = [
      await stranger({ executorKey: generateKeypair().publicKey }),
      await stranger({ environmentId: parseEnvironmentId('another') }),
    ];
    for (const harness of hostile) {
      harness.knock();
      expect(await harness.reset).toBe(PROTOCOL_ERROR);
    }
    expect(fixture.registry.validated.length).toBe(1);
    expect(await healthy.request('echo', {})).toMatchObject({ result: {} });
  });

  it('are admitted at once after any number of failed ones', async () => {
    fixture = await Fixture.start();
    const socket = await fixture.socket();
    const refused: Promise<void>[] = [];
    for (let n = 0; n < 40; n += 1) {
      const streamId = parseStreamId(randomUUID());
      refused.push(new Promise((resolve) => socket.listen(streamId, () => resolve())));
      socket.send(encodeFrame({ streamId, body: { type: 'handshake', payload: Buffer.alloc(3700, n) } }));
    }
    await Promise.all(refused);
    expect(sessionIn(await (await fixture.harness()).initialize())).toBeDefined();
  });

  it('are reset when the registry says no, whatever the key proved', async () => {
    fixture = await Fixture.start();
    fixture.registry.validateAnswer = () => ({ status: 200, body: { valid: false } });
    const harness = await stranger();
    harness.knock();
    expect(await harness.reset).toBe(PROTOCOL_ERROR);
  });

  it('are reset with a reason of their own when the registry cannot tell', async () => {
    fixture = await Fixture.start();
    fixture.registry.validateAnswer = () => ({
      status: 503,
      body: { error: { code: 'cannot_validate', message: 'later' } },
    });
    const harness = await stranger();
    harness.knock();
    expect(await harness.reset).toBe('registry_unavailable');
  });

  it('tell the harness when the registry refuses our own credential', async () => {
    fixture = await Fixture.start();
    fixture.registry.validateAnswer = () => ({
      status: 401,
      body: { error: { code: 'token_invalid', message: 'no' } },
    });
    const harness = await stranger();
    harness.knock();
    await expect(harness.connected).rejects.toMatchObject({ code: 'registry_authentication_rejected' });
  });

  it('cannot be replayed', async () => {
    fixture = await Fixture.start();
    const first = await fixture.harness({ authorization: 'used-once' });
    first.leave();
    const again = await stranger({ keypair: first.keypair, authorization: 'used-once' });
    again.knock();
    expect(await again.reset).toBe(PROTOCOL_ERROR);
  });

  it('reset the stream when they come a second time, pending or active', async () => {
    fixture = await Fixture.start();
    const { promise, resolve } = Promise.withResolvers<void>();
    const answer = fixture.registry.validateAnswer;
    fixture.registry.validateAnswer = async (authorization) => {
      await promise;
      return answer(authorization);
    };
    const pending = await stranger();
    pending.knock();
    await eventually(() => fixture.registry.validated.length > 0);
    pending.knock();
    expect(await pending.reset).toBe(PROTOCOL_ERROR);
    resolve();
    const active = await fixture.harness();
    active.knock();
    expect(await active.reset).toBe(PROTOCOL_ERROR);
  });

  it('are at most 32 at a time, four of one harness key', async () => {
    fixture = await Fixture.start();
    const { promise, resolve } = Promise.withResolvers<void>();
    const answer = fixture.registry.validateAnswer;
    fixture.registry.validateAnswer = async (authorization) => {
      await promise;
      return answer(authorization);
    };
    const keypair = generateKeypair();
    const greedy = [];
    for (let n = 0; n < 5; n += 1) greedy.push(await stranger({ keypair }));
    for (const harness of greedy) harness.knock();
    expect(await greedy[4]?.reset).toBe(PROTOCOL_ERROR);
    const others = [];
    for (let n = 0; n < 29; n += 1) others.push(await stranger());
    for (const harness of others) harness.knock();
    expect(await others[28]?.reset).toBe(PROTOCOL_ERROR);
    resolve();
    await Promise.all([...greedy.slice(0, 4), ...others.slice(0, 28)].map(({ connected }) => connected));
  });
});

describe('a probe of a registry', () => {
  const text = probeText('n'.repeat(22));
  const handshake = (streamId: StreamId) =>
    encodeFrame({ streamId, body: { type: 'handshake', payload: Buffer.from(text) } });

  it('is answered with a reset that says the same, and the registry is not asked', async () => {
    fixture = await Fixture.start();
    const harness = await stranger();
    const socket = await fixture.socket();
    socket.send(handshake(harness.streamId));
    expect(await harness.reset).toBe(text);
    expect(fixture.registry.validated).toEqual([]);
  });

  it('is answered also when there is no room for anybody', async () => {
    fixture = await Fixture.start();
    const never = new Promise<never>(() => {});
    fixture.registry.validateAnswer = () => never;
    const crowd = [];
    for (let n = 0; n < 33; n += 1) crowd.push(await stranger());
    for (const harness of crowd) harness.knock();
    expect(await crowd[32]?.reset).toBe(PROTOCOL_ERROR);
    const harness = await stranger();
    const socket = await fixture.socket();
    socket.send(handshake(harness.streamId));
    expect(await harness.reset).toBe(text);
  });

  it('on the stream of somebody else is a second handshake like any other', async () => {
    fixture = await Fixture.start();
    const harness = await fixture.harness();
    const socket = await fixture.socket();
    socket.send(handshake(harness.streamId));
    expect(await harness.reset).toBe(PROTOCOL_ERROR);
  });
});

describe('frames', () => {
  it('of data for a stream that nobody opened are answered with a reset', async () => {
    fixture = await Fixture.start();
    const harness = await stranger();
    const frame = encodeFrame({
      streamId: harness.streamId,
      body: { type: 'data', seq: 0, payload: Buffer.alloc(40) },
    });
    (await fixture.socket()).send(frame);
    expect(await harness.reset).toBe(PROTOCOL_ERROR);
  });

  it('that do not open end their stream and no other', async () => {
    fixture = await Fixture.start();
    const victim = await fixture.harness();
    const healthy = await fixture.harness();
    await Promise.all([victim.initialize(), healthy.initialize()]);
    const frame = encodeFrame({ streamId: victim.streamId, body: { type: 'data', seq: 1, payload: Buffer.alloc(40) } });
    (await fixture.socket()).send(frame);
    expect(await victim.reset).toBe(PROTOCOL_ERROR);
    expect(await healthy.request('echo', {})).toMatchObject({ result: {} });
  });

  it('that break a rule, and text that is no control message, are dropped', async () => {
    fixture = await Fixture.start();
    const harness = await fixture.harness();
    const { socket } = await fixture.socket();
    for (const bytes of [Buffer.alloc(0), Buffer.from([8, 2]), Buffer.alloc(1000, 255)]) socket.send(bytes);
    for (const text of ['', '{}', '{"v":1,"type":"later"}', '{"v":9,"type":"move"}', '[]']) socket.send(text);
    expect(sessionIn(await harness.initialize())).toBeDefined();
    expect(fixture.relay.accepted.length).toBe(1);
  });
});

describe('a message over 256 KiB', () => {
  it('costs the socket, which is dialled again', async () => {
    fixture = await Fixture.start();
    const { socket } = await fixture.socket();
    socket.send(Buffer.alloc(MAX_MESSAGE_BYTES + 1));
    await eventually(() => fixture.relay.accepted.length === 2);
    expect(sessionIn(await (await fixture.harness()).initialize())).toBeDefined();
  });
});

describe('sandbox requests', () => {
  const start = { processId: 'p', sandbox: { permissions: { type: 'managed' } }, tty: false };

  it.each([
    ['container', 'Codex', false],
    ['enforce', 'Codex', true],
    ['container', 'BuiltIn', true],
  ] as const)('in mode %s with runtime %s reach the exec-server: %s', async (sandbox, runtime, reaches) => {
    fixture = await Fixture.start({ sandbox, runtime });
    const harness = await fixture.harness();
    await harness.initialize();
    await harness.request('process/start', start);
    const received = fixture.execServer.received.find((text) => text.includes('process/start')) ?? '';
    expect(received.includes('managed')).toBe(reaches);
    expect(JSON.parse(received)).toMatchObject({ params: { processId: 'p', tty: false } });
  });
});
