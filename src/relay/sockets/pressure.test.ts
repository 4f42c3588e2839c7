import { createHash, randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { QUANTUM_BYTES } from '../flow/fair-queue.ts';
import { BATCH_BYTES } from '../flow/outlet.ts';
import { UPLOAD_HIGH_BYTES } from '../limits.ts';
import { executorTicket, Fleet, type OpenStream } from '../testing/fleet.ts';
import type { Peer } from '../testing/peer.ts';

let fleet: Fleet;
afterEach(() => fleet.stop());

const MIB = 1024 * 1024;
const BULK = randomBytes(200_000);
const data = (seq: number, payload: Uint8Array) => ({ type: 'data', seq, payload }) as const;
const seqsOf = ({ frames }: Peer) => frames.flatMap(({ body }) => (body.type === 'data' ? [body.seq] : []));

/** Why a stream was reset, as the executor was told. */
function resetOf(executor: Peer, streamId: string): string | undefined {
  const reasons = executor.frames.map((frame) =>
    frame.streamId === streamId && frame.body.type === 'reset' ? frame.body.reason : undefined,
  );
  return reasons.find((reason) => reason !== undefined);
}

/** Why the harness sockets ended whose audit ids begin so, as the log has it. */
function loggedEnds(audit: string): string[] {
  const lines = fleet.log.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'harness socket closed');
  return lines.filter((line) => line.audit.startsWith(audit)).map(({ reason }) => reason);
}

describe('harnesses that are stuck', () => {
  it.each([
    { count: 1, reasons: ['stream_backlog'] },
    { count: 12, reasons: ['executor_backlog', 'stream_backlog'] },
  ])('($count) are cut and told why, and streams beside them get everything', async ({ count, reasons }) => {
    fleet = await Fleet.start({ limits: { streamBacklogBytes: 4 * MIB, executorBacklogBytes: 8 * MIB } });
    const ticket = executorTicket();
    const executor = await fleet.real(ticket);
    const open = (n: number, name: string) =>
      Promise.all(Array.from({ length: n }, (_, i) => fleet.stream(ticket, executor, { jti: `${name}-${i}` })));
    const healthy = await open(3, 'healthy');
    const stuck = await open(count, 'stuck');
    for (const { harness } of stuck) harness.ws.pause();
    const uncut = () => stuck.filter(({ streamId }) => resetOf(executor, streamId) === undefined);

    // What the kernel takes of a socket is not known, so this goes on until all of them are over the budgets.
    let sent = 0;
    for (; uncut().length > 0; sent += 1) {
      for (const { streamId } of uncut()) executor.send(streamId, data(sent, BULK));
      for (const { streamId } of healthy) executor.send(streamId, data(sent, BULK.subarray(0, 1_000)));
      await Promise.all(healthy.map(({ harness }) => harness.until((peer) => seqsOf(peer).length === sent + 1)));
      expect(fleet.relay.levels().backlogBytes).toBeLessThanOrEqual(8 * MIB);
    }

    const inOrder = Array.from({ length: sent }, (_, seq) => seq);
    for (const { harness } of healthy) expect(seqsOf(harness)).toEqual(inOrder);
    const told = stuck.map(({ streamId }) => resetOf(executor, streamId));
    expect([...new Set(told)].toSorted()).toEqual(reasons);
    for (const { harness } of stuck) harness.ws.resume();
    await Promise.all(stuck.map(({ harness }) => harness.closed()));
    // The relay logs an end when it has seen it itself, a turn or two later.
    while (loggedEnds('stuck').length < count) await healthy[0]?.harness.settled();
    expect(loggedEnds('stuck').toSorted()).toEqual(told.toSorted());
  });

  it('are cut after twelve seconds in which they took nothing, however little waits for them', async () => {
    const clock = new ManualClock(Date.now());
    fleet = await Fleet.start({ clock });
    const ticket = executorTicket();
    const executor = await fleet.real(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);
    harness.ws.pause();
    for (let seq = 0; fleet.relay.levels().backlogBytes < MIB; seq += 1) {
      executor.send(streamId, data(seq, BULK));
      await executor.settled();
    }

    await clock.advanceTurnByTurn(11_000);
    await executor.settled();
    expect(resetOf(executor, streamId)).toBeUndefined();
    await clock.advanceTurnByTurn(3_000);

    expect((await executor.frame(streamId, 'reset')).body).toMatchObject({ reason: 'stalled' });
  });
});

describe('a slow harness', () => {
  it('gets one legal message of 64 MiB whole, even when it reads nothing before all of it is here', async () => {
    fleet = await Fleet.start({ limits: { stallMs: 600_000 } });
    const ticket = executorTicket();
    const executor = await fleet.real(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);
    const message = randomBytes(64 * MIB);
    const recordBytes = 61_456;
    const count = Math.ceil(message.length / recordBytes);
    harness.ws.pause();

    for (let seq = 0; seq < count; seq += 1) {
      executor.send(streamId, data(seq, message.subarray(seq * recordBytes, (seq + 1) * recordBytes)));
    }
    await executor.settled();
    const { backlogBytes } = fleet.relay.levels();
    harness.ws.resume();
    await harness.until((peer) => seqsOf(peer).length === count);
    await harness.settled();

    expect(backlogBytes).toBeGreaterThan(32 * MIB);
    expect(backlogBytes).toBeLessThanOrEqual(80 * MIB);
    expect(fleet.relay.levels().backlogBytes).toBe(0);
    const arrived = createHash('sha256');
    for (const { body } of harness.frames) if (body.type === 'data') arrived.update(body.payload);
    expect(arrived.digest('hex')).toBe(createHash('sha256').update(message).digest('hex'));
  });
});

describe('a small stream beside flooding ones', () => {
  it('waits for one turn of each of them, not for all that they have queued', async () => {
    fleet = await Fleet.start();
    const ticket = executorTicket();
    const executor = await fleet.real(ticket);
    const flooding: OpenStream[] = [];
    for (let i = 0; i < 8; i += 1) flooding.push(await fleet.stream(ticket, executor));
    const small = await fleet.stream(ticket, executor);
    executor.ws.pause();
    const flood = BULK.subarray(0, 60_000);
    const allSent = () => floods * flooding.length * flood.length;

    // Until the kernel takes no more of it, and then until the relay reads none of them any more.
    let floods = 0;
    for (; fleet.relay.levels().uploadBytes <= flooding.length * UPLOAD_HIGH_BYTES; floods += 1) {
      for (const { harness, streamId } of flooding) harness.send(streamId, data(floods, flood));
      await small.harness.settled();
    }
    const inKernel = allSent() - fleet.relay.levels().uploadBytes;
    small.harness.send(small.streamId, data(0, BULK.subarray(0, 1_000)));
    await small.harness.settled();
    executor.ws.resume();
    await executor.frame(small.streamId, 'data');

    const order: string[] = executor.frames.flatMap(({ streamId, body }) => (body.type === 'data' ? [streamId] : []));
    const before = order.indexOf(small.streamId) * flood.length;
    const oneTurnOfEach = flooding.length * (QUANTUM_BYTES + flood.length);
    expect(before).toBeLessThanOrEqual(inKernel + BATCH_BYTES + flood.length + oneTurnOfEach);
  });
});
