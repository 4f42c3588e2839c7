import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { PRESENCE_PATH } from '../../../src/wire/index.ts';
import type { ForgerOrders, ForgerReport } from './forger.ts';

/** Somebody on a host of his own who has the relays' secret and says to a registry what he likes. Started by `Forger`. */
const tell = (report: ForgerReport) => process.stdout.write(`${JSON.stringify(report)}\n`);

createInterface({ input: process.stdin })
  .on('line', (line) => obey(JSON.parse(line)))
  .on('close', () => process.exit(0));

function obey({ listen, registryUrl, secret, headers, messages }: ForgerOrders): void {
  createServer((socket) => {
    tell({ type: 'visited' });
    socket.on('error', () => socket.destroy());
    socket.resume();
  }).listen(listen.port, listen.host, () => tell({ type: 'listening' }));
  const url = `${registryUrl.replace(/^http/, 'ws')}${PRESENCE_PATH}`;
  const socket = new WebSocket(url, { headers: { ...headers, authorization: `Bearer ${secret}` } });
  socket.on('message', (data) => {
    const { type } = JSON.parse(String(data));
    tell({ type: 'heard', what: type });
    if (type === 'hello') for (const message of messages) socket.send(JSON.stringify(message));
  });
  socket.on('error', (error) => tell({ type: 'failed', why: error.message }));
  socket.on('close', (code) => tell({ type: 'closed', code }));
}
