import type { MessageReceiver, MessageTransport } from '../jsonrpc/transport.ts';

/** Two ends of one connection in memory. Messages arrive in a later microtask, in order. */
export function pipe(): [PipeEnd, PipeEnd] {
  const a = new PipeEnd();
  const b = new PipeEnd();
  a.connect(b);
  b.connect(a);
  return [a, b];
}

export class PipeEnd implements MessageTransport {
  readonly sent: string[] = [];
  closedWith: { code: number | undefined; reason: string | undefined } | undefined;
  #receiver: MessageReceiver | undefined;
  #other: PipeEnd | undefined;
  #ended = false;

  connect(other: PipeEnd): void {
    this.#other = other;
  }

  open(receiver: MessageReceiver): void {
    this.#receiver = receiver;
  }

  send(message: Uint8Array): void {
    this.sent.push(Buffer.from(message).toString());
    queueMicrotask(() => this.#other?.deliver(message));
  }

  deliver(message: Uint8Array): void {
    if (!this.#ended) this.#receiver?.message(message);
  }

  bufferedBytes(): number {
    return 0;
  }

  close(code?: number, reason?: string): void {
    this.closedWith ??= { code, reason };
    this.end();
    queueMicrotask(() => this.#other?.end());
  }

  end(cause?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#receiver?.closed(cause);
  }
}
