import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { ask } from './part.ts';

/** As the operator writes readiness probes of relays and registries: `src/operator/relay/deployments.ts`. */
const PROBE_PERIOD_MS = 2_000;
const FAILURE_THRESHOLD = 2;

/** One replica behind the address. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly admin: string;
}

interface Member {
  readonly endpoint: Endpoint;
  failures: number;
  ready: boolean;
  /** Its process is no more, which only the probes may find out. */
  onUnready?: () => void;
}

/**
 * What a Service of Kubernetes does, in front of relays or registries: one address, and each new connection to the next replica that is
 * ready by its probes. A connection that is open stays where it is, whatever happens to the replica; one to a replica that refuses is
 * refused; one to a replica that is silent hangs until the probes took it out, and after.
 */
export class Balancer {
  readonly #server: Server;
  readonly #members = new Set<Member>();
  readonly #sockets = new Set<Socket>();
  #next = 0;
  #closed = false;

  static async listen(): Promise<Balancer> {
    const balancer = new Balancer();
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  private constructor() {
    this.#server = createServer({ noDelay: true }, (peer) => this.#pass(peer));
  }

  /** `HOST:PORT` that clients dial. */
  get address(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `127.0.0.1:${port}`;
  }

  /** A replica that is ready now and is probed from here on. */
  add(endpoint: Endpoint): void {
    const member: Member = { endpoint, failures: 0, ready: true };
    this.#members.add(member);
    void this.#probe(member);
  }

  /** A replica that is about to be ended: a Service knows before its process does. */
  remove(endpoint: Endpoint): void {
    for (const member of this.#members) if (member.endpoint === endpoint) this.#members.delete(member);
  }

  /** Resolves when the probes have found out that this replica is gone: until then it is dialled in its turn. */
  async miss(endpoint: Endpoint): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const member of this.#members) if (member.endpoint === endpoint && member.ready) member.onUnready = resolve;
    if ([...this.#members].some(({ onUnready }) => onUnready === resolve)) await promise;
    this.remove(endpoint);
  }

  close(): void {
    this.#closed = true;
    this.#members.clear();
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #probe(member: Member): Promise<void> {
    while (!this.#closed && this.#members.has(member)) {
      const { status } = await ask(`http://${member.endpoint.admin}/readyz`);
      member.failures = status === 200 ? 0 : member.failures + 1;
      if (member.failures === 0) member.ready = true;
      if (member.failures >= FAILURE_THRESHOLD) {
        member.ready = false;
        member.onUnready?.();
      }
      await delay(PROBE_PERIOD_MS, undefined, { ref: false });
    }
  }

  #choose(): Endpoint | undefined {
    const ready = [...this.#members].filter((member) => member.ready);
    this.#next += 1;
    return ready[this.#next % Math.max(1, ready.length)]?.endpoint;
  }

  #pass(peer: Socket): void {
    const endpoint = this.#choose();
    if (endpoint === undefined) {
      peer.resetAndDestroy();
      return;
    }
    const replica = connect({ host: endpoint.host, port: endpoint.port, noDelay: true });
    for (const [from, to] of [
      [peer, replica],
      [replica, peer],
    ] as const) {
      this.#sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.resetAndDestroy());
      from.once('close', () => {
        this.#sockets.delete(from);
        to.end();
      });
    }
  }
}
