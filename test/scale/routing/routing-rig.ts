import { freePort } from '../../../src/dev/state/free-port.ts';
import { Balancer } from '../rig/balancer.ts';
import type { Claim } from './claim.ts';
import { PlayedEnvironment } from './environment.ts';
import { RoutingFiles } from './files.ts';
import { Link } from './link.ts';
import { type Replica, registryReplica, relayReplica } from './replicas.ts';

export interface RoutingRigOptions {
  readonly registries: number;
  readonly relays: number;
  readonly environments: number;
  readonly identities: number;
  readonly random: () => number;
}

/** Real registries and relays that come and go, a way between each two of them that can be cut, and environments that are played. */
export class RoutingRig {
  readonly files: RoutingFiles;
  readonly registries: Replica[] = [];
  readonly relays: Replica[] = [];
  /** From each relay to each registry. */
  readonly links: Link[] = [];
  readonly environments: PlayedEnvironment[] = [];
  /** Everything that reached somebody whom it was not for, and whatever else must never be. */
  readonly wrong: string[] = [];
  /** When a registration left a life of a relay. Milliseconds since the epoch. */
  readonly #gone = new Map<string, number[]>();
  readonly #registryFront: Balancer;
  readonly #relayFront: Balancer;
  /** One more than relays: the next one that starts may come to an address that was another's. */
  #relayPorts: number[] = [];

  /** Everything is ready when it resolves; executors may still be on their way. */
  static async start(options: RoutingRigOptions): Promise<RoutingRig> {
    const files = await RoutingFiles.make(options.identities);
    const rig = new RoutingRig(files, await Balancer.listen(), await Balancer.listen());
    try {
      await rig.#open(options);
      return rig;
    } catch (error) {
      await rig.close();
      throw error;
    }
  }

  private constructor(files: RoutingFiles, registryFront: Balancer, relayFront: Balancer) {
    this.files = files;
    this.#registryFront = registryFront;
    this.#relayFront = relayFront;
  }

  get registryUrl(): string {
    return `http://${this.#registryFront.address}`;
  }

  /** It is there again at the same address. */
  async startRegistry(registry: Replica, port = registry.endpoint.port): Promise<void> {
    await registry.start(port);
    this.#registryFront.add(registry.endpoint);
  }

  async killRegistry(registry: Replica): Promise<void> {
    this.#registryFront.remove(registry.endpoint);
    await registry.kill();
  }

  /** An address that no relay has, of those that relays had. */
  freeRelayPort(random: () => number): number {
    return this.#relayPorts[Math.floor(random() * this.#relayPorts.length)] ?? 0;
  }

  /** Another life, at an address that is free. */
  async startRelay(relay: Replica, port: number): Promise<void> {
    this.#relayPorts = this.#relayPorts.filter((each) => each !== port);
    await relay.start(port);
    this.#relayFront.add(relay.endpoint);
  }

  /** Killed, or asked to end. */
  async endRelay(relay: Replica, how: 'kill' | 'stop'): Promise<void> {
    this.#relayFront.remove(relay.endpoint);
    await relay[how]();
    this.#relayPorts.push(relay.endpoint.port);
  }

  /** When the one that a ticket is for left the relay that it is for. */
  gone({ registrationId, bootId }: Claim): readonly number[] {
    return this.#gone.get(`${registrationId} ${bootId}`) ?? [];
  }

  async close(): Promise<void> {
    await Promise.all(this.environments.map((environment) => environment.close()));
    await Promise.all([...this.relays, ...this.registries].map((replica) => replica.kill()));
    for (const link of this.links) link.close();
    this.#registryFront.close();
    this.#relayFront.close();
    this.files.remove();
  }

  async #open({ registries, relays, environments, random }: RoutingRigOptions): Promise<void> {
    for (let number = 0; number < environments; number += 1) this.environments.push(this.#environment(number, random));
    this.#list();
    const relayUrl = `ws://${this.#relayFront.address}`;
    const registryPorts: number[] = [];
    for (let number = 0; number < registries; number += 1) registryPorts.push(await freePort());
    await Promise.all(
      registryPorts.map((port, number) => {
        const registry = registryReplica({ name: `registry-${number}`, files: this.files }, relayUrl);
        this.registries.push(registry);
        return this.startRegistry(registry, port);
      }),
    );
    for (let number = 0; number <= relays; number += 1) this.#relayPorts.push(await freePort());
    for (let number = 0; number < relays; number += 1) {
      const ways = await Promise.all(registryPorts.map((port) => Link.to(port)));
      this.links.push(...ways);
      const urls = ways.map(({ url }) => url);
      this.relays.push(relayReplica({ name: `relay-${number}`, files: this.files }, urls));
    }
    await Promise.all(
      this.relays.map((relay) =>
        this.startRelay(
          relay,
          this.freeRelayPort(() => 0),
        ),
      ),
    );
    for (const environment of this.environments) environment.come();
  }

  #environment(number: number, random: () => number): PlayedEnvironment {
    return new PlayedEnvironment({
      ...{ name: `e${number}`, registryUrl: this.registryUrl, random },
      onWrong: (what) => this.wrong.push(what),
      onGone: (registrationId, bootId) => {
        const times = this.#gone.get(`${registrationId} ${bootId}`) ?? [];
        this.#gone.set(`${registrationId} ${bootId}`, [...times, Date.now()]);
      },
      onChange: () => this.#list(),
    });
  }

  #list(): void {
    this.files.list(this.environments.map(({ listed }) => listed));
  }
}
