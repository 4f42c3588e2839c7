import type { Balancer, Endpoint } from './balancer.ts';
import type { RigFiles } from './files.ts';
import type { Place } from './network.ts';
import { Part } from './part.ts';

/** On a host of its own a relay has the ports that it has in a pod. */
export const RELAY_PORT = 8_081;
const RELAY_ADMIN_PORT = 9_081;

export interface Surroundings {
  readonly program: readonly string[];
  readonly logLevel: string;
  readonly files: RigFiles;
  /** Of this life of the part; its log is called so. */
  readonly name: string;
}

function common({ logLevel }: Surroundings): readonly string[] {
  return ['--log-level', logLevel, '--exit-on-stdin-close'];
}

export interface RegistryPlace {
  readonly host: string;
  readonly port: number;
  readonly adminPort: number;
  readonly relayUrl: string;
}

/** A registry replica. It comes back at the address that it had, as a pod's container does. */
export class RigRegistry {
  readonly endpoint: Endpoint;
  readonly #around: Surroundings;
  readonly #relayUrl: string;
  #part: Part | undefined;

  constructor(around: Surroundings, { host, port, adminPort, relayUrl }: RegistryPlace) {
    this.#around = around;
    this.#relayUrl = relayUrl;
    this.endpoint = { host, port, admin: `${host}:${adminPort}` };
  }

  get url(): string {
    return `http://${this.endpoint.host}:${this.endpoint.port}`;
  }

  get part(): Part {
    if (this.#part === undefined) throw new Error(`${this.#around.name} was not started`);
    return this.#part;
  }

  /** Also again after its end. Ready when it resolves. */
  async start(): Promise<void> {
    const { files, name, program } = this.#around;
    const { host, port, admin } = this.endpoint;
    this.#part = new Part({
      name,
      admin,
      logFile: files.path(`${name}.log`),
      command: [
        ...program,
        ...['registry', '--listen', `${host}:${port}`, '--admin-listen', admin, '--relay-url', this.#relayUrl],
        ...['--directory-file', files.path('directory.json'), '--ticket-keys-file', files.path('ticket-keys.json')],
        ...['--presence-secret-file', files.path('presence-secret')],
        ...common(this.#around),
      ],
    });
    await this.#part.ready();
  }

  /** As the kernel ends what uses too much memory. */
  async kill(): Promise<void> {
    await this.#part?.kill();
  }

  async stop(): Promise<void> {
    await this.#part?.stop();
  }
}

export interface RelayPlace {
  readonly place: Place;
  readonly registryUrls: readonly string[];
  readonly drainSeconds: number | undefined;
  /** In front of it, once it is ready. */
  readonly balancer: Balancer;
  /** It has ended. */
  readonly onGone: () => void;
}

/** One life of a relay, on a host that is its own. It never comes back: the next one is another pod, with another address. */
export class RigRelay {
  readonly endpoint: Endpoint;
  readonly part: Part;
  readonly #options: RelayPlace;
  readonly #removed = Promise.withResolvers<void>();
  #lost = false;
  #gone = false;

  constructor(around: Surroundings, options: RelayPlace) {
    const { place, registryUrls, drainSeconds } = options;
    const { files, name, program } = around;
    this.#options = options;
    const admin = `${place.address}:${RELAY_ADMIN_PORT}`;
    this.endpoint = { host: place.address, port: RELAY_PORT, admin };
    this.part = new Part({
      name,
      admin,
      logFile: files.path(`${name}.log`),
      command: place.inside([
        ...program,
        ...['relay', '--listen', `${place.address}:${RELAY_PORT}`, '--admin-listen', admin],
        ...registryUrls.flatMap((url) => ['--registry-url', url]),
        ...['--presence-secret-file', files.path('presence-secret')],
        ...(drainSeconds === undefined ? [] : ['--drain-time', `${drainSeconds}s`]),
        ...common(around),
      ]),
    });
  }

  /** `HOST:PORT`, without a balancer in between. */
  get address(): string {
    return `${this.endpoint.host}:${this.endpoint.port}`;
  }

  ready(): Promise<void> {
    return this.part.ready();
  }

  /** Sockets of executors that are open here; the relay counts them each second. */
  async executorSockets(): Promise<number> {
    const { body } = await this.part.ask('/metrics');
    return Number(/^noisefleet_relay_sockets\{kind="executor"\} (\d+)/m.exec(body)?.[1] ?? 0);
  }

  /**
   * It ends from one instruction to the next; its kernel closes what it had open and refuses who dials. The Service goes on sending clients
   * there until its probes have failed.
   */
  async kill(): Promise<void> {
    const { balancer, onGone, place } = this.#options;
    await this.part.kill();
    if (this.#gone) return;
    this.#gone = true;
    onGone();
    void balancer.miss(this.endpoint).then(() => {
      place.remove();
      this.#removed.resolve();
    });
  }

  /** Of one that was killed: the Service sends nobody there any more, and its address is free. */
  get removed(): Promise<void> {
    return this.#removed.promise;
  }

  /** Its host falls off the network: nobody is told. The process runs on for nobody; it is ended when the rig is, or by `kill`. */
  loseSilently(): void {
    this.#lost = true;
    this.#options.place.cut();
  }

  get isLost(): boolean {
    return this.#lost;
  }

  /** As its pod is ended: the Service is told first, then the process. Resolves when it has ended. @throws when it did not end well */
  async drain(): Promise<void> {
    const { balancer, onGone, place } = this.#options;
    this.#gone = true;
    balancer.remove(this.endpoint);
    await this.part.stop();
    onGone();
    place.remove();
    if (this.part.exitCode !== 0) throw new Error(`${this.part.name} ended with ${this.part.exitCode} after its drain`);
  }
}
