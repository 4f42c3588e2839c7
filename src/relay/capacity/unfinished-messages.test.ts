import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { createMetrics } from '../../telemetry/index.ts';
import { ManualClock, settle } from '../../telemetry/testing/manual-clock.ts';
import { MAX_MESSAGE_BYTES } from '../../wire/index.ts';
import { SWEEP_MS } from '../limits.ts';
import { executorTicket, Fleet } from '../testing/fleet.ts';

let fleet: Fleet;
const opened: Socket[] = [];
afterEach(async () => {
  for (const socket of opened.splice(0)) socket.destroy();
  await fleet.stop();
});

/** A harness that begins a frame of the largest size and sends `bytes` of it. */
async function beginning(url: string, bytes: number): Promise<Socket> {
  const { hostname, port, pathname, search, host } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  opened.push(socket);
  socket.on('error', () => {});
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
  const request = [`GET ${pathname}${search} HTTP/1.1`, `Host: ${host}`, ...upgrade];
  socket.write(`${[...request, 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='].join('\r\n')}\r\n\r\n`);
  await once(socket, 'data');
  socket.resume();
  const header = Buffer.alloc(14);
  header[0] = 0x82;
  header[1] = 0x80 | 127;
  header.writeUInt32BE(MAX_MESSAGE_BYTES, 6);
  await new Promise((resolve) => socket.write(Buffer.concat([header, Buffer.alloc(bytes)]), resolve));
  return socket;
}

it('ends who holds most in messages that are not whole, when all together hold too much', async () => {
  const clock = new ManualClock(Date.now());
  const metrics = createMetrics({ component: 'relay', version: 'test' });
  fleet = await Fleet.start({ clock, metrics, limits: { processUploadBytes: 400_000 } });
  const ticket = executorTicket();
  const executor = await fleet.sidecar(ticket);
  const healthy = await fleet.stream(ticket, executor);
  const url = () => fleet.harnessUrl(fleet.harnessTicket(ticket));
  const sockets = [await beginning(await url(), 100_000), await beginning(await url(), 250_000)];
  for (let second = 0; second < 5; second += 1) {
    clock.advance(SWEEP_MS);
    await settle();
  }
  expect(fleet.relay.levels().sockets.harness).toBe(3);

  const last = await beginning(await url(), 240_000);
  while (fleet.relay.levels().sockets.harness === 4) {
    clock.advance(SWEEP_MS);
    await settle();
  }

  expect(sockets.map((socket) => socket.closed)).toEqual([false, true]);
  expect(last.closed).toBe(false);
  expect(await metrics.text()).toContain('noisefleet_relay_limited_total{limit="unfinished_messages"} 1\n');
  healthy.harness.send(healthy.streamId, { type: 'data', seq: 0, payload: Buffer.alloc(100_000) });
  await executor.frame(healthy.streamId, 'data');
});
