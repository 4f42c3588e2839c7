import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { generateKeypair, type Keypair } from '../../src/noise/index.ts';
import {
  connectResponse,
  decodeFrame,
  decodePublicKey,
  type EnvironmentId,
  encodeFrame,
  encodePublicKey,
  parseBody,
  parseStreamId,
  registryPath,
  type SecureChannel,
  type StreamId,
  startChannel,
} from '../../src/wire/index.ts';

export interface RawHarnessOptions {
  registryUrl: string;
  environmentId: EnvironmentId;
  token: string;
  keypair?: Keypair;
}

export type Bundle = ReturnType<typeof connectResponse.parse>;

/** A harness without manners: asks `connect`, opens a socket, and then sends whatever a test wants. */
export class RawHarness {
  readonly keypair: Keypair;
  readonly bundle: Bundle;
  readonly streamId: StreamId = parseStreamId(randomUUID());
  readonly socket: WebSocket;
  readonly messages: string[] = [];
  /** How the socket or the stream ended. */
  readonly ended: Promise<string>;
  readonly #waiting = new Map<string, (text: string) => void>();
  #channel: SecureChannel | undefined;
  #id = 0;

  private constructor(keypair: Keypair, bundle: Bundle, socket: WebSocket) {
    this.keypair = keypair;
    this.bundle = bundle;
    this.socket = socket;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    socket.on('error', () => undefined);
    socket.once('close', (code) => resolve(`closed ${code}`));
    socket.on('message', (data) => {
      if (!Buffer.isBuffer(data)) return;
      const { streamId, body } = decodeFrame(data);
      if (streamId !== this.streamId) throw new Error('a frame of another stream');
      if (body.type === 'reset') resolve(`reset ${body.reason}`);
      if (body.type === 'data') for (const message of this.#channel?.receive(body) ?? []) this.#received(message);
    });
  }

  /** The registry's answer to `connect`. */
  static async ask({
    registryUrl,
    environmentId,
    token,
    keypair,
  }: RawHarnessOptions & { keypair: Keypair }): Promise<Response> {
    return fetch(`${registryUrl}${registryPath(environmentId, 'connect')}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ harness_public_key: encodePublicKey(keypair.publicKey) }),
    });
  }

  /** A socket at the relay that has claimed its stream, and no more. */
  static async knock(options: RawHarnessOptions): Promise<RawHarness> {
    const keypair = options.keypair ?? generateKeypair();
    const response = await RawHarness.ask({ ...options, keypair });
    const text = await response.text();
    if (!response.ok) throw new Error(`connect: ${response.status} ${text}`);
    return RawHarness.dial(keypair, text);
  }

  /** The same, with an answer to `connect` that was asked for before. */
  static async dial(keypair: Keypair, answer: string): Promise<RawHarness> {
    const bundle = parseBody(connectResponse, answer, 'connect');
    const socket = new WebSocket(bundle.url, { perMessageDeflate: false });
    const harness = new RawHarness(keypair, bundle, socket);
    await once(socket, 'open');
    harness.sendFrame({ type: 'resume', nextSeq: 0 });
    return harness;
  }

  /** With a finished handshake. */
  static async open(options: RawHarnessOptions): Promise<RawHarness> {
    const harness = await RawHarness.knock(options);
    await harness.shakeHands();
    return harness;
  }

  sendFrame(body: Parameters<typeof encodeFrame>[0]['body']): void {
    this.socket.send(encodeFrame({ streamId: this.streamId, body }));
  }

  /** Parts may be replaced to make it a bad one. Rejects when the stream ends instead. */
  async shakeHands(parts: Partial<Parameters<typeof startChannel>[0]> = {}): Promise<void> {
    const { environment_id, executor_registration_id, executor_public_key, harness_key_authorization } = this.bundle;
    const started = startChannel({
      environmentId: environment_id as EnvironmentId,
      registrationId: executor_registration_id,
      streamId: this.streamId,
      keypair: this.keypair,
      executorPublicKey: decodePublicKey(executor_public_key),
      authorization: harness_key_authorization,
      ...parts,
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.socket.on('message', (data) => {
      const { body } = decodeFrame(data as Buffer);
      if (body.type !== 'handshake') return;
      this.#channel = started.finish(body.payload);
      resolve();
    });
    this.socket.send(started.handshake);
    const end = await Promise.race([promise, this.ended]);
    if (typeof end === 'string') throw new Error(end);
  }

  sendText(text: string): void {
    for (const frame of this.#channel?.seal(Buffer.from(text)) ?? []) this.socket.send(frame);
  }

  /** The whole answer, as text. */
  async request(method: string, params: object = {}): Promise<string> {
    this.#id += 1;
    const id = `r${this.#id}`;
    const answer = new Promise<string>((resolve) => this.#waiting.set(id, resolve));
    this.sendText(JSON.stringify({ id, method, params }));
    const end = await Promise.race([answer, this.ended.then((how) => Promise.reject(new Error(how)))]);
    return end;
  }

  async initialize(resumeSessionId: string | null = null): Promise<string> {
    const answer = await this.request('initialize', { clientName: 'raw', resumeSessionId });
    if (answer.includes('"result"')) this.sendText('{"method":"initialized","params":{}}');
    return answer;
  }

  /** As a harness that is killed. */
  vanish(): void {
    this.socket.terminate();
  }

  #received(message: Uint8Array): void {
    const text = Buffer.from(message).toString();
    this.messages.push(text);
    const id = /^\{"id":"(r\d+)"/.exec(text)?.[1] ?? /"id":"(r\d+)"/.exec(text)?.[1];
    if (id !== undefined) this.#waiting.get(id)?.(text);
  }
}

export function sessionIn(answer: string): string {
  const session = /"sessionId":"([^"]+)"/.exec(answer)?.[1];
  if (session === undefined) throw new Error(`no session in ${answer}`);
  return session;
}
