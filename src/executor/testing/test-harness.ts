import { randomUUID } from 'node:crypto';
import { generateKeypair, type Keypair, type PublicKey } from '../../noise/index.ts';
import {
  type EnvironmentId,
  encodeFrame,
  type Frame,
  parseStreamId,
  type SecureChannel,
  type StreamId,
  startChannel,
} from '../../wire/index.ts';
import type { ExecutorSocket } from './scripted-relay.ts';

export interface HarnessOptions {
  socket: ExecutorSocket;
  environmentId: EnvironmentId;
  executorKey: PublicKey;
  keypair?: Keypair;
  authorization?: string;
}

/** The other end of a stream: real Noise and records, over the scripted relay. */
export class TestHarness {
  readonly streamId: StreamId = parseStreamId(randomUUID());
  readonly keypair: Keypair;
  readonly messages: unknown[] = [];
  readonly #socket: ExecutorSocket;
  readonly #waiting: { matches: (message: unknown) => boolean; resolve: (message: unknown) => void }[] = [];
  #channel: SecureChannel | undefined;
  #finish: (message2: Uint8Array) => SecureChannel;
  readonly handshake: Uint8Array;
  #id = 0;
  receivedBytes = 0;
  /** Why the stream was reset. */
  readonly reset: Promise<string>;
  readonly connected: Promise<void>;

  constructor({
    socket,
    environmentId,
    executorKey,
    keypair = generateKeypair(),
    authorization = randomUUID(),
  }: HarnessOptions) {
    this.keypair = keypair;
    this.#socket = socket;
    const { registrationId } = socket;
    const started = startChannel({
      environmentId,
      registrationId,
      streamId: this.streamId,
      keypair,
      executorPublicKey: executorKey,
      authorization,
    });
    this.handshake = started.handshake;
    this.#finish = started.finish;
    const reset = Promise.withResolvers<string>();
    const connected = Promise.withResolvers<void>();
    this.reset = reset.promise;
    this.connected = connected.promise;
    connected.promise.catch(() => undefined);
    socket.listen(this.streamId, (frame, bytes) => {
      this.receivedBytes += bytes;
      this.#take(frame, reset.resolve, connected);
    });
  }

  static async connect(options: HarnessOptions): Promise<TestHarness> {
    const harness = new TestHarness(options);
    harness.knock();
    await harness.connected;
    return harness;
  }

  /** Sends message 1. */
  knock(): void {
    this.#socket.send(this.handshake);
  }

  /** Any JSON text as one message. */
  sendText(text: string): void {
    for (const frame of this.#channel?.seal(Buffer.from(text)) ?? []) this.#socket.send(frame);
  }

  async request(method: string, params: object = {}): Promise<unknown> {
    this.#id += 1;
    const id = this.#id;
    const answer = this.message((message) => hasMember(message, 'id', id));
    this.sendText(JSON.stringify({ id, method, params }));
    return answer;
  }

  /** Initializes and says which session it got. */
  async initialize(resumeSessionId: string | null = null): Promise<unknown> {
    return this.request('initialize', { clientName: 'test', resumeSessionId });
  }

  async message(matches: (message: unknown) => boolean): Promise<unknown> {
    const known = this.messages.find(matches);
    return known ?? new Promise((resolve) => this.#waiting.push({ matches, resolve }));
  }

  /** What the relay does when a harness's socket is gone. */
  leave(): void {
    this.#socket.send(encodeFrame({ streamId: this.streamId, body: { type: 'reset', reason: 'harness gone' } }));
  }

  #take(
    { body }: Frame,
    onReset: (reason: string) => void,
    connected: { resolve(): void; reject(error: unknown): void },
  ): void {
    if (body.type === 'reset') {
      onReset(body.reason);
      connected.reject(new Error(body.reason));
    } else if (body.type === 'handshake') {
      try {
        this.#channel = this.#finish(body.payload);
        connected.resolve();
      } catch (error) {
        connected.reject(error);
      }
    } else if (body.type === 'data') {
      for (const bytes of this.#channel?.receive(body) ?? []) this.#received(JSON.parse(Buffer.from(bytes).toString()));
    }
  }

  #received(message: unknown): void {
    this.messages.push(message);
    const waiting = this.#waiting.findIndex(({ matches }) => matches(message));
    if (waiting !== -1) this.#waiting.splice(waiting, 1)[0]?.resolve(message);
  }
}

function hasMember(value: unknown, name: string, expected: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).some(([key, member]) => key === name && member === expected)
  );
}

/** The session id in the answer to `initialize`. */
export function sessionIn(answer: unknown): string {
  const text = JSON.stringify(answer);
  const { sessionId } = /"sessionId":"(?<sessionId>[^"]+)"/.exec(text)?.groups ?? {};
  if (sessionId === undefined) throw new Error(`no session in ${text}`);
  return sessionId;
}
