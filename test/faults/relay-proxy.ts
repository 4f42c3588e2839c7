import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type Role = 'harness' | 'environment';

interface Connection {
  readonly requestLine: string;
  readonly role: Role | undefined;
  readonly sockets: readonly [Socket, Socket];
}

/**
 * A TCP proxy in front of a relay that can cut sockets by role, and keeps what the relay sent to its peers: those frames
 * are not masked, and every byte of a session passes the relay on its way to one peer or the other.
 */
export interface RelayProxy {
  readonly url: string;
  /** Resets every open socket of this role; returns how many there were. */
  cut(role: Role): number;
  open(role: Role): number;
  /** The upgrade request lines of this role so far, tickets included. */
  requestLines(role: Role): string[];
  /** Everything that passed from the relay to its peers so far; kept only while `capture` is set. */
  captured(): Buffer;
  close(): Promise<void>;
}

export interface RelayProxyOptions {
  /** Where the relay listens now; asked for each connection, because it may move. */
  target: () => { host: string; port: number };
  capture?: boolean;
}

export async function startRelayProxy({ target, capture = false }: RelayProxyOptions): Promise<RelayProxy> {
  const connections = new Set<Connection>();
  const kept: Buffer[] = [];
  const upgrades: Pick<Connection, 'role' | 'requestLine'>[] = [];

  const server = createServer((peer) => {
    peer.on('error', () => peer.destroy());
    peer.once('data', (head) => {
      peer.pause();
      const relay = connect(target());
      const requestLine = head.toString('latin1').split('\r\n', 1)[0] ?? '';
      const connection: Connection = { role: roleOf(requestLine), requestLine, sockets: [peer, relay] };
      connections.add(connection);
      upgrades.push(connection);
      for (const socket of connection.sockets) {
        socket.once('close', () => {
          connections.delete(connection);
          for (const other of connection.sockets) other.destroy();
        });
      }
      relay.on('error', () => relay.destroy());
      if (capture) relay.on('data', (bytes) => kept.push(bytes));
      relay.write(head);
      peer.pipe(relay);
      relay.pipe(peer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const ofRole = (role: Role) => [...connections].filter((connection) => connection.role === role);
  return {
    url: `ws://127.0.0.1:${port}`,
    cut(role) {
      const open = ofRole(role);
      for (const { sockets } of open) for (const socket of sockets) socket.resetAndDestroy();
      return open.length;
    },
    open: (role) => ofRole(role).length,
    requestLines: (role) => upgrades.filter((upgrade) => upgrade.role === role).map(({ requestLine }) => requestLine),
    captured: () => Buffer.concat(kept),
    async close() {
      server.close();
      for (const { sockets } of connections) for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** By the query of the upgrade request, as the registry hands it out. */
function roleOf(requestLine: string): Role | undefined {
  if (requestLine.includes('role=harness')) return 'harness';
  if (requestLine.includes('role=environment')) return 'environment';
  return undefined;
}
