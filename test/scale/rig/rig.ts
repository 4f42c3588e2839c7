import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../../src/dev/state/free-port.ts';
import type { EnvironmentId } from '../../../src/wire/index.ts';
import { Balancer } from './balancer.ts';
import { RigExecutor } from './executor.ts';
import { RigFiles } from './files.ts';
import { Network } from './network.ts';
import { RELAY_PORT, RigRegistry, RigRelay } from './replicas.ts';

/** our-side.md §4 */
const SOCKETS_OF_EXECUTOR = 2;
const LOOK_MS = 200;

const CHECKOUT = dirname(dirname(dirname(import.meta.dirname)));

/** The product as it stands in the checkout. */
export const PROGRAM: readonly string[] = [process.execPath, join(CHECKOUT, 'src/cli/main.mjs')];

export interface RigOptions {
  readonly registries: number;
  readonly relays: number;
  readonly executors: number;
  /** Who connects; each session has a place among them. */
  readonly identities?: number;
  /** What runs the product; the checkout unless a bundle is given. */
  readonly program?: readonly string[];
  /** Longest wait of a relay that drains for quiet moments; the product's own unless given. */
  readonly drainSeconds?: number;
  /** Clients dial the one relay itself: what stands in front of several would be measured with it. */
  readonly direct?: boolean;
  readonly logLevel?: 'warn' | 'info' | 'debug';
}

/**
 * The real product as real processes: registries, relays each on a host of its own, executors, and in front of registries and relays what a
 * Service is in a cluster. Relays and registries can be ended in every way that a cluster knows, and started anew.
 */
export class Rig {
  readonly files: RigFiles;
  readonly network: Network;
  readonly registries: RigRegistry[] = [];
  readonly relays: RigRelay[] = [];
  readonly executors: RigExecutor[] = [];
  readonly #options: RigOptions;
  readonly #registryBalancer: Balancer;
  readonly #relayBalancer: Balancer;
  #lives = 0;

  /** Everything runs and is ready when it resolves. */
  static async start(options: RigOptions): Promise<Rig> {
    const files = await RigFiles.make(options.identities ?? 1);
    const rig = new Rig(options, files, Network.open(), await Balancer.listen(), await Balancer.listen());
    try {
      const names = Array.from({ length: options.executors }, (_, number) => rig.files.addExecutor(`e${number}`));
      // A registry needs the file of who is there.
      if (names.length === 0) rig.files.addExternal('nobody');
      await together(options.registries, () => rig.startRegistry());
      await together(options.relays, () => rig.startRelay());
      await Promise.all(names.map((made) => rig.#startExecutor(made)));
      return rig;
    } catch (error) {
      await rig.stop();
      throw error;
    }
  }

  private constructor(
    options: RigOptions,
    files: RigFiles,
    network: Network,
    registryBalancer: Balancer,
    relayBalancer: Balancer,
  ) {
    this.#options = options;
    this.files = files;
    this.network = network;
    this.#registryBalancer = registryBalancer;
    this.#relayBalancer = relayBalancer;
  }

  /** Of whichever registry is ready. */
  get registryUrl(): string {
    return `http://${this.#registryBalancer.address}`;
  }

  /** Of whichever relay is ready. */
  get relayUrl(): string {
    return `ws://${this.#relayBalancer.address}`;
  }

  /** A further replica, ready when it resolves. The first ones must be there before the first relay. */
  async startRegistry(): Promise<RigRegistry> {
    const host = this.network.address;
    const registry = new RigRegistry(this.#surroundings('registry'), {
      ...{ host, port: await freePort({ host }), adminPort: await freePort({ host }) },
      relayUrl: this.#options.direct ? `ws://${this.network.nextAddress}:${RELAY_PORT}` : this.relayUrl,
    });
    this.registries.push(registry);
    await registry.start();
    this.#registryBalancer.add(registry.endpoint);
    return registry;
  }

  /** A further replica on a host of its own, with a new address or that of one that is gone; ready when it resolves. */
  async startRelay(address?: string): Promise<RigRelay> {
    const relay = new RigRelay(this.#surroundings('relay'), {
      place: this.network.place(address),
      registryUrls: this.registries.map(({ url }) => url),
      drainSeconds: this.#options.drainSeconds,
      balancer: this.#relayBalancer,
      onGone: () => this.relays.splice(this.relays.indexOf(relay), 1),
    });
    this.relays.push(relay);
    await relay.ready();
    this.#relayBalancer.add(relay.endpoint);
    return relay;
  }

  /** Resolves when executors hold as many sockets at relays as they shall: two each of ours, and `others` that are not ours. */
  async settled(others = 0): Promise<void> {
    for (;;) {
      const live = this.relays.filter(({ isLost }) => !isLost);
      const wanted = this.executors.length * Math.min(SOCKETS_OF_EXECUTOR, live.length) + others;
      const counts = await Promise.all(live.map((relay) => relay.executorSockets()));
      if (counts.reduce((sum, count) => sum + count, 0) >= wanted) return;
      await delay(LOOK_MS);
    }
  }

  /** An environment that a host from outside may join. */
  addExternal(name: string): EnvironmentId {
    return this.files.addExternal(name);
  }

  async stop(): Promise<void> {
    await Promise.all(this.executors.map((executor) => executor.kill()));
    await Promise.all([...this.relays].map((relay) => relay.kill()));
    await Promise.all(this.registries.map((registry) => registry.kill()));
    this.#registryBalancer.close();
    this.#relayBalancer.close();
    this.network.close();
    this.files.remove();
  }

  async #startExecutor(made: ReturnType<RigFiles['addExecutor']>): Promise<void> {
    const executor = new RigExecutor(this.#surroundings(made.id), { ...made, registryUrl: this.registryUrl });
    this.executors.push(executor);
    await executor.start();
  }

  #surroundings(name: string) {
    const { program = PROGRAM, logLevel = 'info' } = this.#options;
    this.#lives += 1;
    return { program, logLevel, files: this.files, name: `${name}-${this.#lives}` };
  }
}

/** Started side by side: each waits mostly for its compiler. */
async function together(count: number, start: () => Promise<unknown>): Promise<void> {
  await Promise.all(Array.from({ length: count }, start));
}
