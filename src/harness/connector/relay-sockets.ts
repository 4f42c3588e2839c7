import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Clock } from '../../telemetry/index.ts';
import { MAX_MESSAGE_BYTES, type Trust } from '../../wire/index.ts';
import { HarnessError } from '../error.ts';
import { dialRelay } from '../relay/dial.ts';
import { type Answer, refusal } from './answer.ts';
import type { ConnectorEvent } from './events.ts';
import { type Carried, carry } from './relay-carrier.ts';
import type { RelayPaths } from './relay-paths.ts';

export interface RelaySocketsOptions {
  role: 'harness' | 'executor';
  paths: RelayPaths;
  /** The system's authorities when there is none. */
  trust?: Trust;
  clock: Clock;
  report: (event: ConnectorEvent) => void;
}

/**
 * The child's upgrades. The relay is dialled first, so that its refusal becomes the child's: an executor registers again after a 4xx and only
 * then, a harness asks `connect` once more after 401 and only then (contract §2.2, §8.2).
 */
export class RelaySockets {
  readonly #options: RelaySocketsOptions;
  readonly #server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES });
  readonly #carried = new Set<Carried>();
  readonly #aborter = new AbortController();

  constructor(options: RelaySocketsOptions) {
    this.#options = options;
  }

  /** Takes one upgrade request to its end; never throws. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const gone = new AbortController();
    const childGone = () => gone.abort();
    socket.on('error', childGone);
    socket.once('close', childGone);
    try {
      const relay = await this.#dial(request, AbortSignal.any([gone.signal, this.#aborter.signal]));
      this.#join(request, socket, head, relay);
    } catch (error) {
      this.#refuse(socket, error);
    } finally {
      socket.off('close', childGone);
    }
  }

  close(): void {
    this.#aborter.abort(new Error('the connector ends'));
    for (const carried of this.#carried) carried.close();
  }

  #dial(request: IncomingMessage, signal: AbortSignal): Promise<WebSocket> {
    if (request.headers.origin !== undefined)
      throw new HarnessError('not_found', 'relay', 'no browsers', { status: 403 });
    const { paths, clock, trust } = this.#options;
    const url = paths.take(request.url ?? '');
    if (url === undefined) {
      throw new HarnessError('ticket_used', 'relay', 'this address was used before or never given out', {
        status: this.#staleStatus(),
      });
    }
    return dialRelay({ url, headers: traceHeaders(request), clock, signal, ...(trust && { trust }) });
  }

  #join(request: IncomingMessage, socket: Duplex, head: Buffer, relay: WebSocket): void {
    if (socket.destroyed) {
      relay.terminate();
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (child) => {
      const { clock, report } = this.#options;
      const carried = carry({ child, relay, clock });
      this.#carried.add(carried);
      report({ type: 'attached' });
      carried.ended.then((why) => {
        this.#carried.delete(carried);
        report({ type: 'detached', why });
      });
    });
    // A request that is no WebSocket handshake was answered and closed by the server: nobody is left for the relay's socket.
    if (socket.destroyed || !socket.writable) relay.terminate();
  }

  #refuse(socket: Duplex, error: unknown): void {
    const { code, message } =
      error instanceof HarnessError ? error : { code: 'connector_failed', message: String(error) };
    if (code === 'aborted') {
      socket.destroy();
      return;
    }
    const status = (error instanceof HarnessError ? error.status : undefined) ?? this.#unreachableStatus();
    this.#options.report({ type: 'refused', call: 'upgrade', status, code, message });
    writeRefusal(socket, refusal(status, code, message));
  }

  /** For an address that leads nowhere any more: the one that makes the child ask the registry again. */
  #staleStatus(): number {
    return this.#options.role === 'executor' ? 403 : 401;
  }

  /**
   * For a relay that did not answer. An executor dials the same URL again; a harness asks `connect` once more, and gets a living relay by
   * then (our-side §5).
   */
  #unreachableStatus(): number {
    return this.#options.role === 'executor' ? 503 : 401;
  }
}

function traceHeaders({ headers }: IncomingMessage): Record<string, string> {
  const names = ['x-request-id', 'traceparent', 'tracestate'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}

function writeRefusal(socket: Duplex, { status, body }: Answer): void {
  if (!socket.writable) return;
  const text = JSON.stringify(body);
  const head = [`HTTP/1.1 ${status} Refused`, 'connection: close', 'content-type: application/json'];
  socket.end(`${head.join('\r\n')}\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}
