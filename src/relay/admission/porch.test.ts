import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createMetrics, type Metrics } from '../../telemetry/index.ts';
import { ManualClock, settle } from '../../telemetry/testing/manual-clock.ts';
import { TestAuthority } from '../../wire/testing/authority.ts';
import { type RelayLimits, SWEEP_MS, UNFINISHED_GRACE_MS, UPGRADE_REQUEST_MS } from '../limits.ts';
import { executorTicket, Fleet } from '../testing/fleet.ts';

let fleet: Fleet;
let clock: ManualClock;
let metrics: Metrics;
const opened: Socket[] = [];
const folders: string[] = [];
afterEach(async () => {
  for (const socket of opened.splice(0)) socket.destroy();
  await fleet.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function start(limits: Partial<RelayLimits>, secure = false): Promise<void> {
  clock = new ManualClock(Date.now());
  metrics = createMetrics({ component: 'relay', version: 'test' });
  const tls = secure ? await certificate() : undefined;
  fleet = await Fleet.start({ clock, metrics, limits, ...(tls && { tls }) });
}

async function certificate(): Promise<{ folder: string; ca: string }> {
  const authority = await TestAuthority.make();
  const { cert, key } = await authority.issue();
  const folder = mkdtempSync(join(tmpdir(), 'porch-'));
  folders.push(folder);
  writeFileSync(join(folder, 'tls.crt'), cert);
  writeFileSync(join(folder, 'tls.key'), key, { mode: 0o600 });
  return { folder, ca: authority.certificate };
}

/** A connection that says `text` and then nothing. */
async function halfOpen(text = ''): Promise<Socket> {
  const { hostname, port } = new URL(fleet.relay.url);
  const socket = connect({ host: hostname, port: Number(port) });
  opened.push(socket);
  // Being cut is what these are for; tests wait for 'close'.
  socket.on('error', () => {});
  socket.resume();
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

const closed = (socket: Socket) => (socket.closed ? Promise.resolve() : once(socket, 'close'));

async function limited(limit: string): Promise<number> {
  const [, count] =
    new RegExp(`noisefleet_relay_limited_total\\{limit="${limit}"\\} (\\d+)`).exec(await metrics.text()) ?? [];
  return Number(count ?? 0);
}

/** Resolves when the relay has that many unfinished sockets; it publishes them once a second of its clock. */
async function unfinished(count: number): Promise<void> {
  for (;;) {
    clock.advance(SWEEP_MS);
    if ((await metrics.text()).includes(`noisefleet_relay_unfinished_sockets ${count}\n`)) return;
    await settle();
  }
}

describe.each([
  ['plain', false],
  ['TLS', true],
])('connections that ask for nothing (%s)', (_how, secure) => {
  it('are dropped after their time, whether they said nothing or began a request', async () => {
    await start({}, secure);
    const sockets = [await halfOpen(), await halfOpen('GET /v1/harness?ticket=x HTTP/1.1\r\nHost: x\r\n')];
    await settle();

    clock.advance(UPGRADE_REQUEST_MS + SWEEP_MS);

    for (const socket of sockets) await closed(socket);
    await unfinished(0);
  });

  it('do not keep out an honest one: when no more may begin the oldest goes, once it had its time', async () => {
    await start({ maxBegunSockets: 8 }, secure);
    const sockets = [];
    for (let i = 0; i < 8; i += 1) sockets.push(await halfOpen());
    await unfinished(8);
    clock.advance(UNFINISHED_GRACE_MS);

    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    await fleet.stream(ticket, executor);

    await closed(sockets[0] ?? expect.fail('no socket'));
    expect(await limited('unfinished_sockets')).toBe(1);
  });
});

describe('a burst of connections', () => {
  it('is dropped where it is too much, and leaves those before it alone', async () => {
    await start({ maxUnfinishedSockets: 3 });
    const first = [await halfOpen(), await halfOpen(), await halfOpen()];
    await settle();

    const surplus = await halfOpen();
    await closed(surplus);

    expect(await limited('unfinished_sockets')).toBe(1);
    expect(first.map((socket) => socket.closed)).toEqual([false, false, false]);
  });

  it('of honest ones waits for its turn where only a few may begin, and all get in', async () => {
    await start({ maxBegunSockets: 2 }, true);
    const ticket = executorTicket();
    await fleet.sidecar(ticket);

    const harnesses = await Promise.all(Array.from({ length: 30 }, () => fleet.harness(ticket)));

    expect(harnesses.map(({ closedWith }) => closedWith)).toEqual(harnesses.map(() => undefined));
    expect(await limited('unfinished_sockets')).toBe(0);
  });
});
