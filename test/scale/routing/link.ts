import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A way from one relay to one registry that can be cut, and that can make everything come late. */
export class Link {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();

  /** @param port of the registry on loopback, whichever of its lives */
  static async to(port: number): Promise<Link> {
    const link = new Link(port);
    link.#server.listen(0, '127.0.0.1');
    await once(link.#server, 'listening');
    return link;
  }

  private constructor(port: number) {
    this.#server = createServer({ noDelay: true }, (relay) => this.#join(relay, connect({ port, noDelay: true })));
  }

  /** What the relay dials instead of the registry. */
  get url(): string {
    const address = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${address.port}`;
  }

  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  /** Nothing comes through until it is let go. */
  hold(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  letGo(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #join(relay: Socket, registry: Socket): void {
    const pair = [relay, registry] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [pair, [registry, relay]] as const) {
      from.on('data', (bytes) => to.write(bytes));
      from.on('error', () => to.resetAndDestroy());
      from.once('close', () => {
        this.#pairs.delete(pair);
        to.destroy();
      });
    }
  }
}
