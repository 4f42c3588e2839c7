import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { PublicKey } from '../../../src/noise/index.ts';
import {
  controlToRelay,
  controlToSidecar,
  decodeFrame,
  type EnvironmentId,
  encodeFrame,
  probeNonce,
  type StreamId,
} from '../../../src/wire/index.ts';
import { register } from './calls.ts';
import { type Claim, decodeClaim, differenceOf, encodeClaim } from './claim.ts';

/** our-side.md §4: two replicas hold a socket of each registration. */
const SOCKETS = 2;
/** Before it dials or asks again, at most. Milliseconds. */
const LONGEST_PAUSE_MS = 200;

export interface ExecutorPlan {
  readonly registryUrl: string;
  readonly environmentId: EnvironmentId;
  readonly token: string;
  readonly publicKey: PublicKey;
  readonly random: () => number;
  /** Another incarnation has its place. A registry that did not see it happen takes it for a stranger, and cannot say so. */
  readonly isReplaced: () => boolean;
  /** Told of everything that came here and was for somebody else. */
  readonly onWrong: (what: string) => void;
  /** It is no more at this life of a relay. */
  readonly onGone: (registrationId: string, bootId: string) => void;
}

/** How a dial ended: refused with a status, or served until it was closed. 0: nobody answered. */
type End = { readonly status: number; readonly code: string };

/**
 * One key of one incarnation, on two relays as our sidecar is. It opens no Noise channel: each frame says whom it is for, and it looks at
 * every one.
 */
export class PlayedExecutor {
  readonly #plan: ExecutorPlan;
  readonly #sockets = new Map<WebSocket, string>();
  readonly #dials: Promise<unknown>[];
  #registration: { readonly id: string; readonly url: string } | undefined;
  #registering: Promise<void> | undefined;
  #stopped = false;

  constructor(plan: ExecutorPlan) {
    this.#plan = plan;
    this.#dials = Array.from({ length: SOCKETS }, () => this.#keepOpen());
  }

  /** Undefined before it was admitted. */
  get registrationId(): string | undefined {
    return this.#registration?.id;
  }

  /** Gone from one moment to the next, as a process that is killed. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const socket of this.#sockets.keys()) socket.terminate();
    await Promise.all(this.#dials);
  }

  async #keepOpen(): Promise<void> {
    while (!this.#stopped) {
      if (this.#registration === undefined) {
        this.#registering ??= this.#register();
        await this.#registering;
        this.#registering = undefined;
      }
      const { status, code } = await this.#dial();
      if (status === 403) this.#registration = undefined;
      if (code === 'superseded') return;
      await delay(this.#plan.random() * LONGEST_PAUSE_MS);
    }
  }

  async #register(): Promise<void> {
    while (!this.#stopped) {
      const answer = await register(this.#plan);
      if (answer.kind === 'ok') {
        this.#registration = { id: answer.body.executor_registration_id, url: answer.body.url };
        return;
      }
      const { status } = answer.kind === 'refused' ? answer : { status: 0 };
      // Another incarnation, or a key that ended: whoever plays it knows.
      if (status === 403 || (status === 401 && this.#plan.isReplaced())) this.#stopped = true;
      else await delay(this.#plan.random() * LONGEST_PAUSE_MS);
    }
  }

  async #dial(): Promise<End> {
    if (this.#stopped || this.#registration === undefined) return { status: 0, code: '' };
    const { id, url } = this.#registration;
    const held = [...this.#sockets.values()].join(',');
    const headers = held === '' ? {} : { 'x-noisefleet-holds': held };
    const socket = new WebSocket(url, { headers, perMessageDeflate: false });
    const { promise, resolve } = Promise.withResolvers<End>();
    const streams = new Map<StreamId, Claim>();
    socket.once('upgrade', ({ headers: answer }) => {
      const bootId = String(answer['x-noisefleet-boot-id']);
      this.#sockets.set(socket, bootId);
      socket.on('message', (data: Buffer, isBinary) => {
        if (isBinary) this.#onFrame(socket, data, { registrationId: id, bootId }, streams);
        else this.#onControl(socket, data.toString('utf8'), resolve);
      });
    });
    socket.once('open', () => {
      if (this.#stopped) socket.terminate();
      else socket.send(controlToRelay.encode({ type: 'sessions', sessions: [] }));
    });
    socket.once('unexpected-response', (_request, response) => {
      resolve({ status: response.statusCode ?? 0, code: '' });
      response.resume();
      socket.terminate();
    });
    socket.on('error', () => resolve({ status: 0, code: '' }));
    socket.once('close', () => {
      const bootId = this.#sockets.get(socket);
      if (bootId !== undefined) this.#plan.onGone(id, bootId);
      this.#sockets.delete(socket);
      resolve({ status: 0, code: '' });
    });
    return promise;
  }

  /** `onMove`: the relay goes away; another socket is opened, and this one stays for its streams. */
  #onControl(socket: WebSocket, text: string, onMove: (end: End) => void): void {
    const message = controlToSidecar.parse(text);
    switch (message?.type) {
      case 'ping':
        socket.send(controlToRelay.encode({ type: 'pong', nonce: message.nonce }));
        return;
      case 'move':
        onMove({ status: 0, code: '' });
        void this.#leaveLater(socket);
        return;
      default:
    }
  }

  /** Once it is present elsewhere. */
  async #leaveLater(socket: WebSocket): Promise<void> {
    while (!this.#stopped && socket.readyState === socket.OPEN) {
      const elsewhere = [...this.#sockets.keys()].some((other) => other !== socket && other.readyState === other.OPEN);
      if (elsewhere) return socket.send(controlToRelay.encode({ type: 'leave' }));
      await delay(LONGEST_PAUSE_MS);
    }
  }

  #onFrame(socket: WebSocket, data: Buffer, here: Partial<Claim>, streams: Map<StreamId, Claim>): void {
    const { environmentId, onWrong } = this.#plan;
    const { streamId, body } = decodeFrame(data);
    if (body.type === 'reset') streams.delete(streamId);
    if (body.type !== 'handshake' && body.type !== 'data') return;
    if (probeNonce(body.payload) !== undefined) {
      // A registry's own question; the answer is the same text (docs/adr/0009).
      const reason = Buffer.from(body.payload).toString('latin1');
      socket.send(encodeFrame({ streamId, body: { type: 'reset', reason } }));
      return;
    }
    const claim = decodeClaim(body.payload);
    const difference = differenceOf(claim, { ...here, environmentId });
    if (difference !== undefined) onWrong(`a ${body.type} frame came to ${difference}`);
    if (body.type === 'handshake') {
      streams.set(streamId, claim);
      socket.send(encodeFrame({ streamId, body: { type: 'handshake', payload: encodeClaim({ ...claim, ...here }) } }));
      return;
    }
    if (streams.get(streamId)?.jti !== claim.jti) onWrong(`data of ${claim.jti} came on a stream of another ticket`);
    socket.send(encodeFrame({ streamId, body: { ...body, payload: encodeClaim({ ...claim, ...here }) } }));
  }
}
