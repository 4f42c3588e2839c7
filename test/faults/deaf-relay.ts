import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt } from 'jose';
import { WebSocket, WebSocketServer } from 'ws';
import {
  controlToRelay,
  controlToSidecar,
  decodeFrame,
  isProbe,
  PRESENCE_PATH,
  type PresenceToRegistry,
  parseBootId,
  parseRegistrationId,
  presenceToRegistry,
  presenceToRelay,
  type RegistrationId,
} from '../../src/wire/index.ts';

/** The first of all boot ids in every order: whoever chooses between equals chooses this relay. */
const BOOT_ID = parseBootId('-'.repeat(16));

interface Party {
  readonly registrationId: RegistrationId;
  readonly isProbe: boolean;
}

/**
 * A relay with one fault: it is present, accepts, answers pings and control messages, and forwards nothing. `mend` ends that. It checks no
 * ticket; it is for loopback.
 */
export class DeafRelay {
  readonly #server: Server;
  readonly #accepted = new WebSocketServer({ noServer: true });
  readonly #presence: WebSocket;
  readonly #executors = new Map<RegistrationId, WebSocket>();
  readonly #harnesses = new Map<string, WebSocket>();
  #mended = false;
  /** What its readiness probe would say. */
  isReady = true;
  /** Harnesses that came, probes apart. */
  harnesses = 0;

  private constructor(server: Server, presence: WebSocket) {
    this.#server = server;
    this.#presence = presence;
    this.#accepted.on('headers', (headers) => headers.push(`x-noisefleet-boot-id: ${BOOT_ID}`));
    server.on('upgrade', (request, socket, head) => {
      if (request.headers['x-noisefleet-holds']?.includes(BOOT_ID)) {
        const body = '{"error":{"code":"already_here","message":"this is the one"}}';
        socket.end(`HTTP/1.1 409 Conflict\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
        return;
      }
      this.#accepted.handleUpgrade(request, socket, head, (ws) => this.#take(ws, request));
    });
    presence.on('message', (data) => this.#heard(String(data)));
  }

  static async start({ registryUrl, secret }: { registryUrl: string; secret: string }): Promise<DeafRelay> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `${registryUrl.replace(/^http/, 'ws')}${PRESENCE_PATH}`;
    const presence = new WebSocket(url, { headers: { authorization: `Bearer ${secret.trim()}` } });
    const relay = new DeafRelay(server, presence);
    await once(presence, 'open');
    return relay;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}`;
  }

  mend(): void {
    this.#mended = true;
  }

  async close(): Promise<void> {
    this.#presence.terminate();
    for (const client of this.#accepted.clients) client.terminate();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  get #port(): number {
    // A listening TCP server's address is never a string.
    return (this.#server.address() as AddressInfo).port;
  }

  #report(message: PresenceToRegistry): void {
    this.#presence.send(presenceToRegistry.encode(message));
  }

  #heard(text: string): void {
    const message = presenceToRelay.parse(text);
    if (message?.type === 'hello') {
      this.#report({ type: 'hello', bootId: BOOT_ID, port: this.#port });
      this.#report({ type: 'snapshot', entries: [] });
    }
    if (message?.type === 'forwarding') this.isReady = message.answered;
  }

  #take(ws: WebSocket, request: IncomingMessage): void {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://relay');
    const token = searchParams.get('ticket') ?? '';
    const party = partyIn(token);
    if (pathname === '/v1/executor') this.#takeExecutor(ws, token, party);
    else this.#takeHarness(ws, party);
  }

  #takeExecutor(ws: WebSocket, token: string, { registrationId }: Party): void {
    this.#executors.set(registrationId, ws);
    ws.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) {
        if (this.#mended) this.#harnesses.get(decodeFrame(data).streamId)?.send(data);
        return;
      }
      const message = controlToRelay.parse(data.toString());
      if (message?.type === 'ping') ws.send(controlToSidecar.encode({ type: 'pong', nonce: message.nonce }));
      if (message?.type !== 'sessions') return;
      this.#report({ type: 'add', entry: { ticket: token, sessions: message.sessions } });
    });
    ws.on('close', () => {
      if (this.#executors.get(registrationId) !== ws) return;
      this.#executors.delete(registrationId);
      if (this.#presence.readyState === WebSocket.OPEN) this.#report({ type: 'remove', registrationId });
    });
  }

  #takeHarness(ws: WebSocket, { registrationId, isProbe }: Party): void {
    if (!isProbe) this.harnesses += 1;
    ws.on('message', (data: Buffer) => {
      this.#harnesses.set(decodeFrame(data).streamId, ws);
      if (this.#mended) this.#executors.get(registrationId)?.send(data);
    });
  }
}

function partyIn(token: string): Party {
  const { registrationId, identityHash } = decodeJwt(token);
  return {
    registrationId: parseRegistrationId(String(registrationId)),
    isProbe: isProbe({ identityHash: String(identityHash) }),
  };
}
