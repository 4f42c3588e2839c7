import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { generateKeypair, type Keypair } from '../../noise/index.ts';
import {
  acceptChannel,
  decodeFrame,
  encodeFrame,
  encodePublicKey,
  type Frame,
  fingerprintOf,
  type MessageReceiver,
  type MessageTransport,
  parseEnvironmentId,
  parseRegistrationId,
  SECURITY_PROFILE,
  type SecureChannel,
  type ServingCertificate,
} from '../../wire/index.ts';
import { ScriptedExecServer } from './scripted-exec-server.ts';

export interface ScriptedAnswer {
  status: number;
  body?: unknown;
}

export const offline: ScriptedAnswer = {
  status: 409,
  body: { error: { code: 'environment_offline', message: 'not connected' } },
};

export const forbidden: ScriptedAnswer = {
  status: 403,
  body: { error: { code: 'not_authorized', message: 'you may not connect' } },
};

const ENVIRONMENT = parseEnvironmentId('default_demo');
const REGISTRATION = parseRegistrationId('registration-1');

/** Registry, relay and executor in one process, on real sockets, for what a harness or a connector meets. */
export class ScriptedFleet {
  readonly environmentId = ENVIRONMENT;
  readonly execServer = new ScriptedExecServer();
  /** Registry requests as they came. */
  readonly calls: { url: string; authorization: string; body: string }[] = [];
  /** Upgrades as they came. */
  readonly upgrades: string[] = [];
  /** Every relay message in both directions. */
  readonly frames: Buffer[] = [];
  /** Taken one by one before the usual answers of the registry, and of the relay's upgrades. */
  readonly registryAnswers: ScriptedAnswer[] = [];
  readonly upgradeAnswers: ScriptedAnswer[] = [];
  /** Where the registry sends to; here, unless given. */
  relayUrl: string | undefined;
  keypair: Keypair = generateKeypair();
  /** What the executor answers a handshake with; empty is good. */
  handshakePayload = '';
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  readonly #live = new Set<WebSocket>();
  #tickets = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', async (request, response) => {
      let body = '';
      for await (const chunk of request.setEncoding('utf8')) body += chunk;
      const { status, body: answer } = this.#answer(request, body);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}));
    });
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** With a certificate registry and relay speak TLS. */
  static async start(certificate?: ServingCertificate): Promise<ScriptedFleet> {
    const server = certificate === undefined ? createServer() : createTlsServer({ ...certificate });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ScriptedFleet(server);
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return `${this.#server instanceof TlsServer ? 'https' : 'http'}://127.0.0.1:${address.port}`;
  }

  get fingerprint(): string {
    return fingerprintOf(this.keypair.publicKey);
  }

  get sockets(): readonly WebSocket[] {
    return [...this.#live];
  }

  /** From the next connection on. */
  renew(certificate: ServingCertificate): void {
    if (this.#server instanceof TlsServer) this.#server.setSecureContext({ ...certificate });
  }

  /** As a relay that dies. */
  cut(): void {
    for (const socket of this.#live) socket.terminate();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #answer({ url = '', headers }: IncomingMessage, body: string): ScriptedAnswer {
    this.calls.push({ url, authorization: headers.authorization ?? '', body });
    const scripted = this.registryAnswers.shift();
    if (scripted) return scripted;
    if (url.endsWith('/validate')) return { status: 200, body: { valid: true, grant: 'default/dev' } };
    this.#tickets += 1;
    const role = url.endsWith('/connect') ? 'harness' : 'environment';
    const bundle = {
      environment_id: ENVIRONMENT,
      url: `${(this.relayUrl ?? this.url).replace('http', 'ws')}/v1/${role}?role=${role}&ticket=t${this.#tickets}`,
      security_profile: SECURITY_PROFILE,
      executor_registration_id: REGISTRATION,
    };
    if (role === 'environment') return { status: 200, body: bundle };
    const executor_public_key = encodePublicKey(this.keypair.publicKey);
    const harness_key_authorization = `authorization ${this.#tickets}`;
    return { status: 200, body: { ...bundle, executor_public_key, harness_key_authorization } };
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.upgrades.push(request.url ?? '');
    const scripted = this.upgradeAnswers.shift();
    if (scripted) {
      const text = JSON.stringify(scripted.body ?? {});
      socket.end(
        `HTTP/1.1 ${scripted.status} No\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`,
      );
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (relayed) => {
      this.#live.add(relayed);
      relayed.once('close', () => this.#live.delete(relayed));
      relayed.on('error', () => relayed.terminate());
      if (request.url?.startsWith('/v1/harness')) this.#serveHarness(relayed);
    });
  }

  #serveHarness(socket: WebSocket): void {
    const stream = new ExecutorStream(socket);
    socket.on('message', (data: RawData) => {
      if (!Buffer.isBuffer(data)) return;
      this.frames.push(data);
      const frame = decodeFrame(data);
      if (frame.body.type === 'handshake') this.#accept(frame, frame.body.payload, stream);
      else stream.take(frame);
    });
  }

  #accept({ streamId }: Frame, message1: Uint8Array, stream: ExecutorStream): void {
    const { keypair } = this;
    const accepted = acceptChannel({
      environmentId: ENVIRONMENT,
      registrationId: REGISTRATION,
      streamId,
      keypair,
      message1,
    });
    const { message2, channel } = accepted.respond(Buffer.from(this.handshakePayload));
    stream.begin(channel, encodeFrame({ streamId, body: { type: 'handshake', payload: message2 } }));
    if (this.handshakePayload === '') this.execServer.serve(stream);
  }
}

/** The executor's end of one stream. */
class ExecutorStream implements MessageTransport {
  readonly #socket: WebSocket;
  #channel: SecureChannel | undefined;
  #receiver: MessageReceiver | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  begin(channel: SecureChannel, answer: Uint8Array): void {
    this.#channel = channel;
    this.#socket.send(answer);
    this.#socket.once('close', () => this.#receiver?.closed());
  }

  take({ body }: Frame): void {
    if (body.type !== 'data' || !this.#channel) return;
    for (const message of this.#channel.receive(body)) this.#receiver?.message(message);
  }

  open(receiver: MessageReceiver): void {
    this.#receiver = receiver;
  }

  send(message: Uint8Array): void {
    for (const frame of this.#channel?.seal(message) ?? []) this.#socket.send(frame);
  }

  bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  close(): void {
    this.#socket.terminate();
  }
}
