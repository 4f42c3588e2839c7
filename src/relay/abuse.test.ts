import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMetrics, type Metrics } from '../telemetry/index.ts';
import { type ExecutorTicket, encodeFrame, MAX_MESSAGE_BYTES, parseStreamId } from '../wire/index.ts';
import { executorTicket, Fleet, type OpenStream } from './testing/fleet.ts';
import type { Peer } from './testing/peer.ts';

const LIMITS = {
  burstUpgradesPerIdentity: 200,
  upgradesPerSecondPerIdentity: 1,
  socketsPerIdentity: 100,
  streamsPerIdentity: 64,
  maxUnfinishedSockets: 200,
  processBacklogBytes: 8 * 1024 * 1024,
  processUploadBytes: 2 * 1024 * 1024,
};
const HOSTILE = { identityHash: 'hostile' };
const CONNECTS = 1_000;
/** A figure is published once a second: longer than that on a machine that others use too. */
const PATIENT = { timeout: 20_000 };
/** Dialled in one go: the machine of a test has no room for more at once. */
const AT_ONCE = 100;

let fleet: Fleet;
let metrics: Metrics;
let ticket: ExecutorTicket;
let executor: Peer;
let healthy: OpenStream;
const opened: Socket[] = [];
beforeEach(async () => {
  metrics = createMetrics({ component: 'relay', version: 'test' });
  fleet = await Fleet.start({ metrics, limits: LIMITS });
  ticket = executorTicket();
  executor = await fleet.sidecar(ticket);
  healthy = await fleet.stream(ticket, executor);
});
afterEach(async () => {
  for (const socket of opened.splice(0)) socket.destroy();
  await fleet.stop();
});

async function figure(name: string): Promise<number> {
  const line = (await metrics.text()).split('\n').find((each) => each.startsWith(`noisefleet_relay_${name} `));
  return Number(line?.split(' ').at(-1) ?? 0);
}

const limited = (limit: string) => figure(`limited_total{limit="${limit}"}`);

/** A message each way on the healthy stream, again and again until the attack is over; every one has to arrive, in order. */
async function beside(attack: () => Promise<void>): Promise<number> {
  let over = false;
  const attacking = attack().finally(() => {
    over = true;
  });
  const { harness, streamId } = healthy;
  const received = (peer: Peer) =>
    peer.frames.flatMap(({ streamId: of, body }) => (of === streamId && body.type === 'data' ? [body.seq] : []));
  let sent = 0;
  while (!over || sent < 10) {
    const body = { type: 'data', seq: sent, payload: randomBytes(1_000) } as const;
    harness.send(streamId, body);
    executor.send(streamId, body);
    sent += 1;
    for (const peer of [executor, harness]) await peer.until(() => received(peer).length === sent);
    const { backlogBytes, uploadBytes } = fleet.relay.levels();
    expect(backlogBytes).toBeLessThanOrEqual(LIMITS.processBacklogBytes);
    expect(uploadBytes).toBeLessThanOrEqual(LIMITS.processUploadBytes);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await attacking;
  for (const peer of [executor, harness]) expect(received(peer)).toEqual(Array.from({ length: sent }, (_, seq) => seq));
  return sent;
}

async function inBatches(count: number, each: () => Promise<unknown>): Promise<void> {
  for (let done = 0; done < count; done += AT_ONCE) await Promise.allSettled(Array.from({ length: AT_ONCE }, each));
}

/** A connection that says `text` and leaves it at that. */
async function unfinished(text: string): Promise<void> {
  const { hostname, port } = new URL(fleet.relay.url);
  const socket = connect({ host: hostname, port: Number(port) });
  opened.push(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(text);
}

describe('a healthy stream beside', () => {
  it('a thousand connects of one identity goes on, and that identity is limited', async () => {
    const codes: Record<string, number> = {};
    await beside(() =>
      inBatches(CONNECTS, async () => {
        const code = await fleet.harness(ticket, HOSTILE).then(
          () => 'accepted',
          (refusal: { code: string }) => refusal.code,
        );
        codes[code] = (codes[code] ?? 0) + 1;
      }),
    );

    expect(codes.accepted).toBe(LIMITS.streamsPerIdentity);
    expect(codes.rate_limited).toBe(CONNECTS - LIMITS.streamsPerIdentity);
    expect(await limited('identity_upgrades')).toBeGreaterThan(CONNECTS - LIMITS.burstUpgradesPerIdentity - AT_ONCE);
    expect((await limited('identity_upgrades')) + (await limited('identity_streams'))).toBe(codes.rate_limited);
    await fleet.stream(ticket, executor, { identityHash: 'somebody-else' });
  });

  it('a flood of bad tickets goes on, and others still get in', async () => {
    const url = `${fleet.relay.url}/v1/harness?role=harness&ticket=`;
    const bad = (await fleet.harnessUrl(fleet.harnessTicket(ticket))).slice(0, -8);

    await beside(() => inBatches(CONNECTS, () => fleet.dial(Math.random() < 0.5 ? bad : `${url}x`)));

    expect(await figure('upgrades_refused_total{role="harness",code="ticket_invalid"}')).toBe(CONNECTS);
    await fleet.stream(ticket, executor, { identityHash: 'somebody-else' });
  });

  it.each([
    ['half-open sockets', ''],
    ['upgrade requests that never end', 'GET /v1/harness?ticket=x HTTP/1.1\r\nHost: x\r\nX-Slow: '],
  ])('a thousand %s goes on, and no more of them are held than the limit', async (_what, text) => {
    await beside(() => inBatches(CONNECTS, () => unfinished(text)));

    await expect.poll(() => limited('unfinished_sockets'), PATIENT).toBe(CONNECTS - LIMITS.maxUnfinishedSockets);
    await expect.poll(() => figure('unfinished_sockets'), PATIENT).toBe(LIMITS.maxUnfinishedSockets);
  });

  it('frames of 256 KiB for streams that nobody has goes on: they are dropped, and nothing of them stays', async () => {
    const frame = (streamId: string) => {
      const payload = Buffer.alloc(MAX_MESSAGE_BYTES - 100);
      return encodeFrame({ streamId: parseStreamId(streamId), body: { type: 'data', seq: 0, payload } });
    };
    const [hostile, hostileExecutor] = [await fleet.harness(ticket, HOSTILE), await fleet.real(executorTicket())];
    const count = 200;

    await beside(async () => {
      hostile.send(randomUUID(), { type: 'resume', nextSeq: 0 });
      for (let sent = 0; sent < count; sent += 1) {
        hostile.ws.send(frame(randomUUID()), () => {});
        hostileExecutor.ws.send(frame(randomUUID()), () => {});
        // No faster than the relay reads.
        await hostileExecutor.settled();
      }
    });

    expect((await hostile.closed()).reason).toBe('invalid_frames');
    await expect.poll(() => figure('dropped_frames_total{reason="unowned"}'), PATIENT).toBe(count);
    expect(await figure('dropped_frames_total{reason="foreign_stream"}')).toBeGreaterThan(16);
    expect(fleet.relay.levels()).toMatchObject({ backlogBytes: 0 });
  });

  it('harnesses that leave as soon as they have sent goes on, though the executor of those reads nothing', async () => {
    const stuckTicket = executorTicket();
    const stuck = await fleet.real(stuckTicket);
    const streams: OpenStream[] = [];
    // Twelve megabytes: the kernel takes some of it, and what it does not take is over the budget.
    for (let i = 0; i < 200; i += 1)
      streams.push(await fleet.stream(stuckTicket, stuck, { identityHash: `hostile-${i}` }));
    stuck.ws.pause();

    await beside(async () => {
      for (const { harness, streamId } of streams) {
        harness.send(streamId, { type: 'data', seq: 0, payload: randomBytes(60_000) });
        harness.ws.close();
        await harness.closed();
      }
    });

    await expect.poll(() => figure('streams_cut_total{reason="process_uploads"}'), PATIENT).toBeGreaterThan(0);
  });
});
