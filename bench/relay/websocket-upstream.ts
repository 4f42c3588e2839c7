import { createServer } from 'node:http';
import type { Socket } from 'node:net';

/** What stands behind nginx in row R6: accepts every WebSocket and sends back the bytes that come. */
const server = createServer();
server.on('upgrade', (_request, socket: Socket) => {
  socket.on('error', () => {});
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  socket.pipe(socket);
});
server.listen({ host: '127.0.0.1', port: 0, backlog: 4_096 }, () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
