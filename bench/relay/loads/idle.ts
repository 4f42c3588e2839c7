import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { encodeFrame, parseStreamId } from '../../../src/wire/index.ts';
import { residentMegabytes } from '../../product/service-process.ts';
import { dialWebSocket, maskedMessage, Receiver } from '../load.ts';
import { type Forwarder, startWebSocketNginx } from '../nginx.ts';
import { end, pause, ratiosOf } from '../outcome.ts';
import { PlayedFleet } from '../played-fleet.ts';
import { kill, startScript } from '../processes.ts';

/**
 * The load of row R6: what 10,000 idle connections add to the resident memory of a relay that has 500 executors, and of nginx that proxies
 * WebSockets. Each connection has carried one small message to and fro.
 */
const ROUNDS = 3;
const CONNECTIONS = 10_000;
const EXECUTORS = 500;
const AT_ONCE = 200;
/** nginx needs two descriptors for a connection: so many processes of it stay below the usual limits. */
const NGINX_PROCESSES = 2;
/** After the last connection, until memory is looked at: what opening them left behind is collected by then, or stays. */
const SETTLE_MS = 4_000;

const core = Number(process.argv[2] ?? 0);
const kilobytes: { ours: number[]; peer: number[] } = { ours: [], peer: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  kilobytes.ours.push(await ofRelay());
  kilobytes.peer.push(await ofNginx());
}
await end({ ratios: ratiosOf(kilobytes.ours, kilobytes.peer), kilobytes });

async function ofRelay(): Promise<number> {
  const fleet = await PlayedFleet.start(core);
  const executors = await fleet.executors(EXECUTORS);
  const grown = await growth([fleet.pid], () => fleet.harnesses(executors, CONNECTIONS, AT_ONCE));
  await fleet.stop();
  return grown;
}

async function ofNginx(): Promise<number> {
  const upstream = await startScript<{ port: number }>(core, 'websocket-upstream');
  const share = CONNECTIONS / NGINX_PROCESSES;
  const proxies: Forwarder[] = [];
  for (let i = 0; i < NGINX_PROCESSES; i += 1) {
    proxies.push(await startWebSocketNginx(core, upstream.told.port, share));
  }
  const sockets: Socket[] = [];
  const grown = await growth(
    proxies.map(({ pid }) => pid),
    async () => {
      for (const { port } of proxies) sockets.push(...(await openWebSockets(port, share)));
    },
  );
  for (const socket of sockets) socket.destroy();
  for (const proxy of proxies) await proxy.stop();
  await kill(upstream.child);
  return grown;
}

/** Kilobytes for each connection. */
async function growth(pids: readonly number[], connect: () => Promise<unknown>): Promise<number> {
  const resident = () => pids.reduce((sum, pid) => sum + residentMegabytes(pid), 0);
  await pause(SETTLE_MS);
  const before = resident();
  await connect();
  await pause(SETTLE_MS);
  return ((resident() - before) * 1_000) / CONNECTIONS;
}

async function openWebSockets(port: number, count: number): Promise<Socket[]> {
  const receiver = new Receiver();
  const frame = encodeFrame({ streamId: parseStreamId(randomUUID()), body: { type: 'resume', nextSeq: 0 } });
  const message = maskedMessage(frame);
  const sockets: Socket[] = [];
  let next = 0;
  const dialer = async () => {
    for (next += 1; next <= count; next += 1) {
      const answered = Promise.withResolvers<void>();
      const socket = await dialWebSocket(receiver, `ws://127.0.0.1:${port}/`, () => answered.resolve());
      socket.write(message);
      await answered.promise;
      sockets.push(socket);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, dialer));
  return sockets;
}
