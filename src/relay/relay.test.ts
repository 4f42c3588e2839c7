import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeFrame, parseStreamId } from '../wire/index.ts';
import { executorTicket, Fleet } from './testing/fleet.ts';
import type { Peer } from './testing/peer.ts';

let fleet: Fleet;
beforeEach(async () => {
  fleet = await Fleet.start();
});
afterEach(() => fleet.stop());

const data = (seq: number, bytes = 100) => ({ type: 'data', seq, payload: randomBytes(bytes) }) as const;

describe('a stream through the relay', () => {
  it('arrives byte for byte and in order, unknown fields included, in both directions', async () => {
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);
    const unknownField = Buffer.from([0xf8, 0x07, 0x2a]);
    const sizes = [1, 1_000, 61_456, 200_000, 5, 40_000];
    const sent = sizes.map((size, seq) =>
      Buffer.concat([encodeFrame({ streamId: parseStreamId(streamId), body: data(seq, size) }), unknownField]),
    );
    const before = { executor: executor.raw.length, harness: harness.raw.length };

    for (const frame of sent) {
      harness.ws.send(frame);
      executor.ws.send(frame);
    }
    await executor.until(({ raw }) => raw.length === before.executor + sent.length);
    await harness.until(({ raw }) => raw.length === before.harness + sent.length);

    expect(executor.raw.slice(before.executor).map((b) => b.toString('hex'))).toEqual(
      sent.map((b) => b.toString('hex')),
    );
    expect(harness.raw.slice(before.harness).map((b) => b.toString('hex'))).toEqual(sent.map((b) => b.toString('hex')));
  });

  it('goes only to the harness socket that used its id first', async () => {
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);
    const thief = await fleet.harness(ticket, { identityHash: 'identity-b' });

    thief.send(streamId, { type: 'resume', nextSeq: 0 });
    thief.send(streamId, data(0));
    executor.send(streamId, data(1));
    await harness.frame(streamId, 'data');

    expect(thief.frames).toEqual([]);
    expect(executor.frames.filter(({ body }) => body.type === 'data')).toEqual([]);
  });

  it('ends with a reset at the executor when the harness goes, after what the harness had sent', async () => {
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);

    harness.send(streamId, data(0, 60_000));
    harness.ws.close();
    const reset = await executor.frame(streamId, 'reset');

    expect(executor.frames.map(({ body }) => body.type)).toEqual(['resume', 'handshake', 'data', 'reset']);
    expect(reset.body).toMatchObject({ reason: expect.stringMatching(/./) });
  });

  it('ends at the harness with the executor, reset first', async () => {
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);

    executor.send(streamId, { type: 'reset', reason: 'noise_relay_protocol_error' });

    await harness.closed();
    expect(harness.frames.at(-1)?.body).toEqual({ type: 'reset', reason: 'noise_relay_protocol_error' });
  });

  it('closes every harness socket when the executor goes', async () => {
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const streams = [await fleet.stream(ticket, executor), await fleet.stream(ticket, executor)];
    const unbound = await fleet.harness(ticket);

    executor.leave();

    for (const { harness } of streams) await harness.closed();
    await unbound.closed();
    await fleet.registry.sawType('remove');
  });

  it('is answered with a reset when the executor writes to one that nobody owns', async () => {
    const ticket = executorTicket();
    const executor = await fleet.real(ticket);
    const streamId = randomUUID();

    executor.send(streamId, data(0));

    expect(await executor.frame(streamId, 'reset')).toBeDefined();
  });

  it('reports to our sidecar how much the harness has taken, and nothing to a real executor', async () => {
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);
    const real = executorTicket();
    const realExecutor = await fleet.real(real);
    const other = await fleet.stream(real, realExecutor);

    for (let seq = 0; seq < 8; seq += 1) {
      executor.send(streamId, data(seq, 60_000));
      realExecutor.send(other.streamId, data(seq, 60_000));
    }
    await harness.until(({ raw }) => raw.length === 9);
    await other.harness.until(({ raw }) => raw.length === 9);
    const total = harness.raw.reduce((sum, { length }) => sum + length, 0);
    const reported = () =>
      Math.max(0, ...executor.control.flatMap((m) => (m.type === 'delivered' ? Object.values(m.streams) : [])));
    await executor.until(() => reported() > total - 65_536);

    expect(reported()).toBeLessThanOrEqual(total);
    expect(realExecutor.control).toEqual([]);
  });
});

describe('text frames', () => {
  it('of a harness end its socket, of a real executor are ignored, and none is forwarded', async () => {
    const ticket = executorTicket();
    const executor = await fleet.real(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);

    executor.ws.send('{"v":1,"type":"sessions","sessions":[]}');
    executor.send(streamId, data(0));
    await harness.frame(streamId, 'data');
    harness.ws.send('{"v":1,"type":"ping","nonce":"1"}');

    expect((await harness.closed()).code).toBe(1003);
    await executor.frame(streamId, 'reset');
    expect(harness.control).toEqual([]);
    expect(executor.control).toEqual([]);
    expect(executor.ws.readyState).toBe(executor.ws.OPEN);
  });

  it('of our sidecar are answered', async () => {
    const executor = await fleet.sidecar(executorTicket());

    executor.ws.send('{"v":1,"type":"ping","nonce":"n-1"}');

    await executor.until(({ control }) => control.some((m) => m.type === 'pong' && m.nonce === 'n-1'));
  });

  it('that are no control messages end the socket of a sidecar', async () => {
    const executor = await fleet.sidecar(executorTicket());

    executor.ws.send('{"v":1,"type":"sessions","sessions":[{"harness":"x"}]}');

    expect((await executor.closed()).reason).toBe('malformed_control');
  });
});

describe('hostile harnesses', () => {
  const id = randomUUID();
  const field = (number: number, bytes: Buffer) =>
    Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
  const version = Buffer.from([0x08, 0x01]);
  const streamField = field(2, Buffer.from(id));
  const resume = field(7, Buffer.alloc(0));

  it.each([
    ['bad protobuf', Buffer.from([0xff, 0xff, 0xff])],
    ['an empty message', Buffer.alloc(0)],
    ['two stream ids', Buffer.concat([version, streamField, field(2, Buffer.from(randomUUID())), resume])],
    ['two bodies', Buffer.concat([version, streamField, resume, resume])],
    ['another version', Buffer.concat([Buffer.from([0x08, 0x02]), streamField, resume])],
    ['no stream id', Buffer.concat([version, resume])],
  ])('have frames dropped that are not envelopes (%s), and are closed when they go on', async (_what, frame) => {
    const ticket = executorTicket();
    const executor = await fleet.real(ticket);
    const healthy = await fleet.stream(ticket, executor, { identityHash: 'identity-b' });
    const hostile = await fleet.harness(ticket);
    const before = executor.raw.length;

    for (let i = 0; i < 20; i += 1) hostile.ws.send(frame);

    expect(await hostile.closed()).toEqual({ code: 1008, reason: 'invalid_frames' });
    expect(executor.raw.length).toBe(before);
    healthy.harness.send(healthy.streamId, data(0));
    await executor.frame(healthy.streamId, 'data');
  });

  it.each([
    ['data before a handshake', [data(0)], 'data_before_handshake'],
    [
      'a second handshake',
      [
        { type: 'handshake', payload: Buffer.from('1') },
        { type: 'handshake', payload: Buffer.from('2') },
      ],
      'second_handshake',
    ],
  ] as const)('are closed for %s', async (_what, bodies, reason) => {
    const ticket = executorTicket();
    const executor = await fleet.real(ticket);
    const harness = await fleet.harness(ticket);
    const streamId = randomUUID();

    for (const body of bodies) harness.send(streamId, body);

    expect(await harness.closed()).toEqual({ code: 1008, reason });
    expect(executor.frames.filter(({ body }) => body.type === 'data')).toEqual([]);
  });

  it('are closed for a message over 256 KiB, and their stream is reset', async () => {
    const ticket = executorTicket();
    const executor = await fleet.real(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);

    harness.ws.send(Buffer.alloc(262_145));

    expect((await harness.closed()).code).toBe(1009);
    await executor.frame(streamId, 'reset');
  });
});

describe('one slow harness', () => {
  it('stops no other stream, and is cut when it goes over its budget', async () => {
    await fleet.stop();
    fleet = await Fleet.start({ limits: { streamBacklogBytes: 8 * 1024 * 1024 } });
    const ticket = executorTicket();
    const executor = await fleet.real(ticket);
    const slow = await fleet.stream(ticket, executor);
    const healthy = await fleet.stream(ticket, executor);
    slow.harness.ws.pause();

    for (let seq = 0; seq < 400; seq += 1) {
      executor.send(slow.streamId, data(seq, 60_000));
      executor.send(healthy.streamId, data(seq, 1_000));
    }
    await healthy.harness.until(({ frames }) => frames.length === 401);
    await executor.frame(slow.streamId, 'reset');

    expect(healthy.harness.frames.map(({ body }) => (body.type === 'data' ? body.seq : -1)).slice(1)).toEqual(
      Array.from({ length: 400 }, (_, seq) => seq),
    );
    expect(executor.frames.some(({ streamId, body }) => streamId === healthy.streamId && body.type === 'reset')).toBe(
      false,
    );
  });
});

describe('slow harnesses of several executors', () => {
  const MIB = 1024 * 1024;

  it('are cut one after the other, the largest backlog first, when together they go over the budget of the process', async () => {
    await fleet.stop();
    fleet = await Fleet.start({ limits: { processBacklogBytes: 8 * MIB } });
    const [many, few] = [executorTicket(), executorTicket()];
    const [executor, other] = [await fleet.real(many), await fleet.real(few)];
    const large = await fleet.stream(many, executor);
    const small = await fleet.stream(few, other);
    const healthy = await fleet.stream(few, other);
    for (const { harness } of [large, small]) harness.ws.pause();
    const reset = (peer: Peer, streamId: string) =>
      peer.frames.some((frame) => frame.streamId === streamId && frame.body.type === 'reset');

    // What the kernel takes of a socket is not known, so this goes on until it is over the budget.
    for (let seq = 0; !reset(executor, large.streamId); seq += 1) {
      executor.send(large.streamId, data(seq, 200_000));
      if (seq % 4 === 0) other.send(small.streamId, data(seq / 4, 200_000));
      other.send(healthy.streamId, data(seq, 1_000));
      await healthy.harness.until(({ frames }) => frames.length === seq + 2);
      expect(fleet.relay.levels().backlogBytes).toBeLessThanOrEqual(8 * MIB);
    }

    expect(reset(other, small.streamId)).toBe(false);
    small.harness.ws.resume();
  });
});

describe('a flooding harness', () => {
  it('is cut when executors that do not read hold more than the budget of the process', async () => {
    await fleet.stop();
    fleet = await Fleet.start({ limits: { processUploadBytes: 300_000 } });
    const [stuck, read] = [executorTicket(), executorTicket()];
    const [executor, reader] = [await fleet.real(stuck), await fleet.real(read)];
    const flooding = [await fleet.stream(stuck, executor), await fleet.stream(stuck, executor)];
    const healthy = await fleet.stream(read, reader);
    executor.ws.pause();
    const isCut = () => flooding.some(({ harness }) => harness.closedWith?.reason === 'process_uploads');

    for (let seq = 0; !isCut(); seq += 1) {
      for (const { harness, streamId } of flooding) harness.send(streamId, data(seq, 200_000));
      healthy.harness.send(healthy.streamId, data(seq));
      await reader.until(({ frames }) => frames.filter(({ body }) => body.type === 'data').length === seq + 1);
      expect(fleet.relay.levels().uploadBytes).toBeLessThanOrEqual(300_000);
    }

    executor.ws.resume();
    const ended = flooding.find(({ harness }) => harness.closedWith !== undefined);
    await executor.frame(ended?.streamId ?? '', 'reset');
  });

  it('is held back while the executor does not read, and loses nothing', async () => {
    const ticket = executorTicket();
    const executor = await fleet.real(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);
    executor.ws.pause();
    const count = 500;

    for (let seq = 0; seq < count; seq += 1) harness.send(streamId, data(seq, 60_000));
    executor.ws.resume();
    const seqs = () => executor.frames.flatMap(({ body }) => (body.type === 'data' ? [body.seq] : []));
    await executor.until(() => seqs().length === count);

    expect(seqs()).toEqual(Array.from({ length: count }, (_, seq) => seq));
  });
});

describe('the log', () => {
  it('names who was here by audit id, and holds no ticket', async () => {
    const ticket = executorTicket();
    const executorUrl = await fleet.executorUrl(ticket);
    const executor = await fleet.dial(executorUrl);
    executor.ws.send('{"v":1,"type":"sessions","sessions":[]}');
    await fleet.registry.sawType('add');
    const harnessTicket = fleet.harnessTicket(ticket, { jti: 'audit-1' });
    const harnessUrl = await fleet.harnessUrl(harnessTicket);
    const harness = await fleet.dial(harnessUrl);
    await expect(fleet.dial(harnessUrl)).rejects.toMatchObject({ code: 'ticket_used' });
    harness.ws.close();
    await harness.closed();
    await fleet.relay.close();

    const lines = fleet.log.map((line) => JSON.parse(line));
    expect(lines.find(({ msg }) => msg === 'harness socket closed')).toMatchObject({
      audit: 'audit-1',
      identity: 'identity-a',
      environment: 'default_demo',
      reason: 'peer_closed',
    });
    const secrets = [executorUrl, harnessUrl].map((url) => new URL(url).searchParams.get('ticket') ?? url);
    for (const secret of secrets) for (const part of secret.split('.')) expect(fleet.log.join('')).not.toContain(part);
  });
});
