import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import {
  type ControlToSidecar,
  controlToSidecar,
  decodeFrame,
  encodeFrame,
  type Frame,
  type FrameBody,
  parseStreamId,
  WireError,
} from '../../wire/index.ts';

interface UpgradeAnswer {
  readonly status: number;
  readonly code: string;
}

/** Thrown by `Peer.dial` when the upgrade is refused. */
class RefusedUpgrade extends Error implements UpgradeAnswer {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string) {
    super(`${status} ${code}`);
    this.status = status;
    this.code = code;
  }
}

/** An executor's or harness's end of a relay socket, as a test plays it: a real WebSocket, and what arrived on it. */
export class Peer {
  readonly ws: WebSocket;
  readonly frames: Frame[] = [];
  readonly raw: Buffer[] = [];
  readonly control: ControlToSidecar[] = [];
  closedWith: { readonly code: number; readonly reason: string } | undefined;
  headers: IncomingMessage['headers'] = {};
  #waiters: (() => void)[] = [];

  private constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('upgrade', (response) => {
      this.headers = response.headers;
    });
    ws.on('message', (data: Buffer, isBinary) => {
      if (isBinary) {
        this.raw.push(data);
        this.#decode(data);
      } else {
        const message = controlToSidecar.parse(data.toString('utf8'));
        if (message !== undefined) this.control.push(message);
      }
      this.#wake();
    });
    ws.on('close', (code, reason) => {
      this.closedWith = { code, reason: reason.toString('utf8') };
      this.#wake();
    });
    // 'close' follows and is what tests wait for.
    ws.on('error', () => {});
  }

  /** @throws RefusedUpgrade */
  static dial(url: string, headers: Record<string, string> = {}, ca?: string): Promise<Peer> {
    const peer = new Peer(new WebSocket(url, { headers, ...(ca !== undefined && { ca }), perMessageDeflate: false }));
    return new Promise((resolve, reject) => {
      peer.ws.once('open', () => resolve(peer));
      peer.ws.once('error', reject);
      peer.ws.once('unexpected-response', (_request, response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString('utf8');
        });
        response.on('end', () => {
          const parsed: { error?: { code?: string } } = JSON.parse(body);
          reject(new RefusedUpgrade(response.statusCode ?? 0, parsed.error?.code ?? ''));
          peer.ws.terminate();
        });
      });
    });
  }

  send(streamId: string, body: FrameBody): void {
    this.ws.send(encodeFrame({ streamId: parseStreamId(streamId), body }));
  }

  /** Resolves when `done` holds; looked at again after each thing that arrives. */
  async until(done: (peer: Peer) => boolean): Promise<void> {
    while (!done(this)) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** The first frame of this kind for this stream. */
  async frame(streamId: string, type: FrameBody['type']): Promise<Frame> {
    const find = () => this.frames.find((frame) => frame.streamId === streamId && frame.body.type === type);
    await this.until(() => find() !== undefined);
    const found = find();
    if (found === undefined) throw new Error('until() returned before its condition held');
    return found;
  }

  async closed(): Promise<{ code: number; reason: string }> {
    await this.until(() => this.closedWith !== undefined);
    return this.closedWith ?? { code: 0, reason: '' };
  }

  /** Resolves when the relay has read everything sent so far, or has closed. */
  async settled(): Promise<void> {
    if (this.ws.readyState !== this.ws.OPEN) return;
    const answered = new Promise<void>((resolve) => this.ws.once('pong', () => resolve()));
    this.ws.ping();
    await Promise.race([answered, this.closed()]);
  }

  leave(): void {
    this.ws.terminate();
  }

  /** A relay forwards what is whole at the top level; an endpoint drops what is not whole inside. */
  #decode(data: Buffer): void {
    try {
      this.frames.push(decodeFrame(data));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}
