import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  type Deny,
  PRESENCE_PATH,
  type PresenceToRegistry,
  type PresenceToRelay,
  presenceToRegistry,
  presenceToRelay,
  type ServingCertificate,
  TicketSigner,
} from '../../wire/index.ts';

export const PRESENCE_SECRET = 'presence secret of a test';

/** A registry's presence endpoint on a real socket, that says what a test tells it to. */
export class ScriptedRegistry {
  readonly signer: TicketSigner;
  readonly received: PresenceToRegistry[] = [];
  readonly #listener: Server;
  readonly #server: WebSocketServer;
  readonly #registryId: string;
  #denies: readonly Deny[] = [];
  #relay: WebSocket | undefined;
  #waiters: (() => void)[] = [];

  private constructor(listener: Server, registryId: string, signer: TicketSigner) {
    this.#listener = listener;
    const server = new WebSocketServer({
      server: listener,
      path: PRESENCE_PATH,
      verifyClient: ({ req }: { req: IncomingMessage }) => req.headers.authorization === `Bearer ${PRESENCE_SECRET}`,
    });
    this.#server = server;
    this.#registryId = registryId;
    this.signer = signer;
    server.on('connection', (socket) => this.#greet(socket));
  }

  static async start({
    host = '127.0.0.1',
    registryId = 'registry-a',
    port = 0,
    signer = TicketSigner.generate(),
    denies = [],
    certificate,
  }: {
    host?: string;
    registryId?: string;
    port?: number;
    signer?: TicketSigner;
    denies?: readonly Deny[];
    /** Plain HTTP without one. */
    certificate?: ServingCertificate;
  } = {}): Promise<ScriptedRegistry> {
    const listener = certificate === undefined ? createServer() : createTlsServer({ ...certificate });
    listener.listen(port, host);
    await once(listener, 'listening');
    const registry = new ScriptedRegistry(listener, registryId, signer);
    registry.#denies = denies;
    return registry;
  }

  get port(): number {
    // A listening TCP server's address is never a string.
    return (this.#listener.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  send(message: PresenceToRelay): void {
    this.#relay?.send(presenceToRelay.encode(message));
  }

  /** The first message that `matches`, of those received or still to come. */
  async saw<M extends PresenceToRegistry>(matches: (message: PresenceToRegistry) => message is M): Promise<M>;
  async saw(matches: (message: PresenceToRegistry) => boolean): Promise<PresenceToRegistry>;
  async saw(matches: (message: PresenceToRegistry) => boolean): Promise<PresenceToRegistry> {
    for (;;) {
      const found = this.received.find(matches);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  sawType(type: PresenceToRegistry['type']): Promise<PresenceToRegistry> {
    return this.saw((message) => message.type === type);
  }

  /** Presence connections that stand. */
  get connections(): number {
    return this.#server.clients.size;
  }

  /** Somebody who dials does not trust the certificate. */
  async refusedHandshake(): Promise<void> {
    await once(this.#listener, 'tlsClientError');
  }

  /** Cuts the relay's connection without a word. */
  cut(): void {
    this.#relay?.terminate();
  }

  /** Its host hangs: nothing that the relay sends is read, and nothing is said. */
  fallSilent(): void {
    this.#relay?.pause();
  }

  /** A second time changes nothing. */
  async close(): Promise<void> {
    if (!this.#listener.listening) return;
    for (const client of this.#server.clients) client.terminate();
    this.#listener.close();
    await once(this.#listener, 'close');
  }

  #greet(socket: WebSocket): void {
    this.#relay = socket;
    socket.on('message', (data: Buffer) => {
      const message = presenceToRegistry.parse(data.toString('utf8'));
      if (message !== undefined) this.received.push(message);
      for (const wake of this.#waiters.splice(0)) wake();
    });
    const ticketKeys = this.signer.publicJwks(Date.now() / 1_000);
    this.send({ type: 'hello', registryId: this.#registryId, ticketKeys, denies: [...this.#denies] });
  }
}
