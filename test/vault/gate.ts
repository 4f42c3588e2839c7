import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import type { Bao } from './bao.ts';

/** What somebody does at the last moment before a request gets to OpenBao. */
interface Ambush {
  /** `POST /v1/kv/data/…`: which one; the first of them. */
  readonly request: string;
  readonly act: () => Promise<unknown>;
}

/** A way to OpenBao, with its certificate, on which somebody may be faster than the one who asks. It knows no HTTP: Node has no method LIST. */
export class Gate {
  readonly #server: Server;
  readonly #sockets = new Set<TLSSocket>();
  #ambush: Ambush | undefined;

  private constructor(bao: Bao) {
    const [cert, key] = ['server.crt', 'server.key'].map((name) => readFileSync(join(bao.folder, name)));
    const port = Number(new URL(bao.address).port);
    this.#server = createServer({ cert, key }, (near) => {
      const far = connect({ host: '127.0.0.1', port, ca: bao.ca });
      this.#follow(near, far);
      this.#follow(far, near);
      far.pipe(near);
      let passed: Promise<unknown> = Promise.resolve();
      near.on('data', (bytes: Buffer) => {
        passed = passed
          .then(() => this.#sprung(bytes))
          .then(
            () => far.write(bytes),
            () => near.destroy(),
          );
      });
    });
  }

  static async open(bao: Bao): Promise<Gate> {
    const gate = new Gate(bao);
    gate.#server.listen(0, '127.0.0.1');
    await once(gate.#server, 'listening');
    return gate;
  }

  get port(): number {
    // A listening TCP server's address is never a string.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Once. */
  beforeThe(request: string, act: Ambush['act']): void {
    this.#ambush = { request, act };
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  async #sprung(bytes: Buffer): Promise<void> {
    const ambush = this.#ambush;
    if (ambush === undefined || bytes.indexOf(`${ambush.request} `) !== 0) return;
    this.#ambush = undefined;
    await ambush.act();
  }

  #follow(socket: TLSSocket, other: TLSSocket): void {
    this.#sockets.add(socket);
    socket.on('error', () => other.destroy());
    socket.once('close', () => {
      this.#sockets.delete(socket);
      other.destroy();
    });
  }
}
