import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  decodeFrame,
  encodeFrame,
  HOP_HEADER,
  probeNonce,
  probeText,
  RESET_PROTOCOL_ERROR,
  type ServingCertificate,
} from '../../wire/index.ts';

/** What happens to a probe: our sidecar answers it, or one of an earlier release; the relay itself resets it; nothing comes back; … */
export type Behaviour =
  | { readonly kind: 'answer' | 'answer_of_old' | 'own_reset' | 'swallow' | 'drop' }
  | { readonly kind: 'close'; readonly code: number }
  | { readonly kind: 'refuse'; readonly status: number; readonly body: string };

/** The harness door of a relay, as probes see it. */
export class ProbedDoor {
  readonly #server: Server;
  readonly #upgrades = new WebSocketServer({ noServer: true });
  /** Tickets of those who came. */
  readonly tickets: string[] = [];
  readonly hops: unknown[] = [];
  behaviour: Behaviour = { kind: 'answer' };

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(certificate?: ServingCertificate): Promise<ProbedDoor> {
    const server = certificate === undefined ? createServer() : createTlsServer({ ...certificate });
    const door = new ProbedDoor(server);
    server.on('upgrade', (request, socket, head) => {
      door.tickets.push(new URL(request.url ?? '', 'http://door').searchParams.get('ticket') ?? '');
      door.hops.push(request.headers[HOP_HEADER]);
      const { behaviour } = door;
      if (behaviour.kind === 'refuse') {
        const head = `HTTP/1.1 ${behaviour.status} Refused\r\nContent-Length: ${behaviour.body.length}\r\n`;
        socket.end(`${head}Connection: close\r\n\r\n${behaviour.body}`);
        return;
      }
      door.#upgrades.handleUpgrade(request, socket, head, (accepted) => door.#take(accepted));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return door;
  }

  get port(): number {
    // A listening TCP server's address is never a string.
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const client of this.#upgrades.clients) client.terminate();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #take(socket: WebSocket): void {
    socket.on('message', (data: Buffer) => this.#onFrame(socket, data));
  }

  #onFrame(socket: WebSocket, data: Buffer): void {
    const { streamId, body } = decodeFrame(data);
    const nonce = body.type === 'handshake' ? probeNonce(body.payload) : undefined;
    if (nonce === undefined) return;
    const reset = (reason: string) => socket.send(encodeFrame({ streamId, body: { type: 'reset', reason } }));
    switch (this.behaviour.kind) {
      case 'answer':
        reset(probeText(nonce));
        return;
      case 'answer_of_old':
        reset(RESET_PROTOCOL_ERROR);
        return;
      case 'own_reset':
        reset('stalled');
        socket.close(1000);
        return;
      case 'drop':
        socket.terminate();
        return;
      case 'close':
        socket.close(this.behaviour.code);
        return;
      case 'swallow':
      case 'refuse':
        return;
      default:
        this.behaviour satisfies never;
    }
  }
}
