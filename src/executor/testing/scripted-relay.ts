import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  type ControlToRelay,
  type ControlToSidecar,
  controlToRelay,
  controlToSidecar,
  decodeFrame,
  type Frame,
  parseRegistrationId,
  type RegistrationId,
  type ServingCertificate,
} from '../../wire/index.ts';

/** One executor socket, as the relay sees it. */
export class ExecutorSocket {
  readonly socket: WebSocket;
  readonly ticket: string;
  /** The boot ids that the dial listed. */
  readonly holds: string | undefined;
  readonly control: ControlToRelay[] = [];
  readonly #listeners = new Map<string, (frame: Frame, bytes: number) => void>();
  readonly #delivered = new Map<string, number>();
  /** Reports what it forwards, as a relay with fast harnesses does. */
  reports = true;

  constructor(socket: WebSocket, ticket: string, holds?: string) {
    this.socket = socket;
    this.ticket = ticket;
    this.holds = holds;
    socket.on('message', (data, isBinary) => {
      if (!Buffer.isBuffer(data)) return;
      if (isBinary) this.#forward(data);
      else this.#heard(data.toString());
    });
  }

  get registrationId(): RegistrationId {
    return parseRegistrationId(this.ticket.split('.')[2] ?? '');
  }

  /** Frames of one stream go to `listener`. */
  listen(streamId: string, listener: (frame: Frame, bytes: number) => void): void {
    this.#listeners.set(streamId, listener);
  }

  tell(message: ControlToSidecar): void {
    this.socket.send(controlToSidecar.encode(message));
  }

  send(frame: Uint8Array): void {
    this.socket.send(frame);
  }

  deliver(streamId: string, total: number): void {
    this.tell({ type: 'delivered', streams: { [streamId]: total } });
  }

  #heard(text: string): void {
    const message = controlToRelay.parse(text);
    if (message === undefined) return;
    this.control.push(message);
    if (message.type === 'ping') this.tell({ type: 'pong', nonce: message.nonce });
  }

  #forward(bytes: Buffer): void {
    const frame = decodeFrame(bytes);
    const total = (this.#delivered.get(frame.streamId) ?? 0) + bytes.length;
    this.#delivered.set(frame.streamId, total);
    this.#listeners.get(frame.streamId)?.(frame, bytes.length);
    if (this.reports) this.deliver(frame.streamId, total);
  }
}

/** The sidecar's view of a relay: accepts executor sockets, or refuses them as the test says. */
export class ScriptedRelay {
  readonly #server: Server;
  readonly #upgrades = new WebSocketServer({ noServer: true });
  /** All that were ever accepted, the newest last. */
  readonly accepted: ExecutorSocket[] = [];
  refusal: (() => { status: number; code: string } | undefined) | undefined;
  /** Of each accepted upgrade; a new one for each, as if there were many replicas behind one address. */
  bootId: () => string = () => `relay-boot-${this.accepted.length + 1}`;
  /** Called for each upgrade before it is accepted. */
  beforeAccept: () => Promise<void> = () => Promise.resolve();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Speaks TLS with a certificate. */
  static async start(port = 0, certificate?: ServingCertificate): Promise<ScriptedRelay> {
    const server = certificate === undefined ? createServer() : createTlsServer({ ...certificate });
    const relay = new ScriptedRelay(server);
    server.on('upgrade', (request, socket, head) => {
      const refusal = relay.refusal?.();
      if (refusal !== undefined) {
        const body = JSON.stringify({ error: { code: refusal.code, message: 'refused' } });
        socket.end(
          `HTTP/1.1 ${refusal.status} Refused\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
        );
        return;
      }
      void relay.beforeAccept().then(() => relay.#accept(request, socket, head));
    });
    relay.#upgrades.on('headers', (headers) => headers.push(`x-noisefleet-boot-id: ${relay.bootId()}`));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return relay;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get url(): string {
    return `${this.#server instanceof TlsServer ? 'wss' : 'ws'}://127.0.0.1:${this.port}`;
  }

  get live(): ExecutorSocket[] {
    return this.accepted.filter(({ socket }) => socket.readyState === socket.OPEN);
  }

  #accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#upgrades.handleUpgrade(request, socket, head, (accepted) => {
      const ticket = new URL(request.url ?? '', 'http://relay').searchParams.get('ticket') ?? '';
      const { 'x-noisefleet-holds': holds } = request.headers;
      this.accepted.push(new ExecutorSocket(accepted, ticket, typeof holds === 'string' ? holds : undefined));
    });
  }

  async close(): Promise<void> {
    for (const client of this.#upgrades.clients) client.terminate();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
