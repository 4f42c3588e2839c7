import { type WebSocket, WebSocketServer } from 'ws';

/** The peer of row R3: what a relay is without anything of ours, in as few lines as `ws` allows. Each message of a harness goes to the executor. */
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, clientTracking: false });
let executor: WebSocket | undefined;
server.on('connection', (ws, request) => {
  ws.on('error', () => {});
  if (request.url === '/executor') executor = ws;
  else ws.on('message', (data, isBinary) => executor?.send(data, { binary: isBinary }));
});
server.on('listening', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ url: `ws://127.0.0.1:${port}` })}\n`);
});
