import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { MAX_RPC_BYTES } from '../wire/index.ts';
import type { TokenCheck } from './authentication.ts';
import { Connection } from './connection.ts';
import type { ExecContext } from './context.ts';
import { MAX_CONNECTIONS, WEBSOCKET_SLACK_BYTES } from './limits.ts';
import { WebSocketTransport } from './websocket-transport.ts';

export interface Listener {
  /** `ws://host:port` */
  readonly url: string;
  close(): Promise<void>;
}

export interface ListenOptions {
  context: ExecContext;
  token: TokenCheck;
  host: string;
  port: number;
  /** An upgrade was refused with this status. */
  refused(status: number): void;
}

/** `GET /readyz`, and WebSockets on `/` for whoever has the token (contract §12). */
export async function listen(options: ListenOptions): Promise<Listener> {
  const http = createServer((request, response) => {
    const ready = request.method === 'GET' && pathOf(request) === '/readyz';
    response.writeHead(ready ? 200 : 404, { 'content-type': 'text/plain' }).end(ready ? 'ok\n' : 'not found\n');
  });
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_RPC_BYTES + WEBSOCKET_SLACK_BYTES,
  });
  const connections = new Set<Connection>();
  http.on('upgrade', (request, socket, head) => {
    const refusal = judge(request, options.token, connections.size);
    if (refusal) {
      options.refused(refusal.status);
      refuse(socket, refusal);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new Connection(options.context, new WebSocketTransport(webSocket), () => {
        connections.delete(connection);
      });
      connections.add(connection);
    });
  });
  await bind(http, options);
  return {
    url: urlOf(http, options.host),
    async close() {
      http.close();
      for (const connection of connections) connection.destroy();
      http.closeAllConnections();
      await once(http, 'close');
    },
  };
}

interface Refusal {
  readonly status: number;
  readonly message: string;
}

const REASONS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  503: 'Service Unavailable',
};

function judge(request: IncomingMessage, token: TokenCheck, connections: number): Refusal | undefined {
  // A browser always sends it, and nothing else does: a web page must not reach a port of this machine.
  if (request.headers.origin !== undefined)
    return { status: 403, message: 'requests with an Origin header are refused' };
  if (pathOf(request) !== '/') return { status: 404, message: 'the exec-server is on /' };
  if (!token.accepts(request.headers.authorization)) {
    return { status: 401, message: 'Authorization: Bearer with the token of this exec-server is required' };
  }
  if (connections >= MAX_CONNECTIONS) return { status: 503, message: `at most ${MAX_CONNECTIONS} connections` };
  return undefined;
}

function refuse(socket: Duplex, { status, message }: Refusal): void {
  const body = `${message}\n`;
  const head = `HTTP/1.1 ${status} ${REASONS[status] ?? 'Refused'}\r\nConnection: close\r\nContent-Type: text/plain\r\n`;
  socket.on('error', () => socket.destroy());
  socket.end(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

async function bind(http: Server, { host, port }: ListenOptions): Promise<void> {
  http.listen(port, host);
  await once(http, 'listening');
}

function urlOf(http: Server, host: string): string {
  const address = http.address();
  return `ws://${isIP(host) === 6 ? `[${host}]` : host}:${isAddress(address) ? address.port : 0}`;
}

function isAddress(address: ReturnType<Server['address']>): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}
