import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What is not said how slow it shall be is carried at once. Milliseconds. */
const AT_ONCE_MS = 0;

interface Ends {
  /** Where it listens. */
  readonly address: string;
  /** Any that is free for 0. */
  readonly port: number;
  /** Where it leads: a port of loopback. */
  readonly target: number;
}

/** A TCP line that is as slow as it is told to be: what comes back over it waits. */
export class SlowLine {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** How long an answer is under way. Milliseconds. */
  delayMs = AT_ONCE_MS;

  private constructor(target: number) {
    this.#server = createServer((near) => {
      const far = connect(target, '127.0.0.1');
      this.#follow(near, far);
      this.#follow(far, near);
      near.pipe(far);
      far.on('data', (chunk: Buffer) => this.#later(() => near.write(chunk)));
      far.on('end', () => this.#later(() => near.end()));
    });
  }

  static async lay({ address, port, target }: Ends): Promise<SlowLine> {
    const line = new SlowLine(target);
    line.#server.listen(port, address);
    await once(line.#server, 'listening');
    return line;
  }

  get port(): number {
    // A listening TCP server's address is never a string.
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #later(carry: () => void): void {
    if (this.delayMs === AT_ONCE_MS) carry();
    else setTimeout(carry, this.delayMs).unref();
  }

  #follow(socket: Socket, other: Socket): void {
    this.#sockets.add(socket);
    // One that has broken says nothing of which a test could make use: the other end is told, as by a router that is gone.
    socket.on('error', () => other.destroy());
    socket.once('close', () => {
      this.#sockets.delete(socket);
      other.destroy();
    });
  }
}
