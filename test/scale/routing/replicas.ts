import { randomBytes } from 'node:crypto';
import { freePort } from '../../../src/dev/state/free-port.ts';
import type { Endpoint } from '../rig/balancer.ts';
import { Part } from '../rig/part.ts';
import type { RoutingFiles } from './files.ts';

/** Of a relay that is asked to end. Longer would only make tests slower. */
const DRAIN_SECONDS = 2;

export interface ReplicaOptions {
  readonly name: string;
  readonly files: RoutingFiles;
  /** What runs the product; the bundle unless given. */
  readonly program?: readonly string[] | undefined;
}

/** A part of the product that dies and comes back, as a process. */
export class Replica {
  readonly name: string;
  readonly #files: RoutingFiles;
  readonly #command: (port: number) => readonly string[];
  #part: Part | undefined;
  #endpoint: Endpoint | undefined;

  constructor({ name, files, program = files.program }: ReplicaOptions, args: (port: number) => readonly string[]) {
    this.name = name;
    this.#files = files;
    this.#command = (port) => [...program, ...args(port)];
  }

  /** Of its last life. */
  get endpoint(): Endpoint {
    if (this.#endpoint === undefined) throw new Error(`${this.name} was not started`);
    return this.#endpoint;
  }

  /** Another life, ready when it resolves. */
  async start(port: number): Promise<void> {
    const admin = `127.0.0.1:${await freePort()}`;
    this.#endpoint = { host: '127.0.0.1', port, admin };
    this.#part = new Part({
      ...{ name: this.name, admin, logFile: this.#files.path('logs', `${this.name}.log`) },
      command: [...this.#command(port), '--admin-listen', admin, '--log-level', 'info', '--exit-on-stdin-close'],
    });
    await this.#part.ready();
  }

  async kill(): Promise<void> {
    await this.#part?.kill();
  }

  /** A relay drains meanwhile. */
  async stop(): Promise<void> {
    await this.#part?.stop();
  }

  /** Of all its lives. */
  log(): string {
    return this.#part?.log() ?? '';
  }
}

export function registryReplica(options: ReplicaOptions, relayUrl: string): Replica {
  const { files } = options;
  return new Replica(options, (port) => [
    ...['registry', '--listen', `127.0.0.1:${port}`, '--relay-url', relayUrl],
    ...['--directory-file', files.path('directory.json'), '--ticket-keys-file', files.path('ticket-keys.json')],
    ...['--presence-secret-file', files.path('presence-secret')],
  ]);
}

export function relayReplica(options: ReplicaOptions, registryUrls: readonly string[]): Replica {
  return new Replica(options, (port) => [
    ...['relay', '--listen', `127.0.0.1:${port}`, '--drain-time', `${DRAIN_SECONDS}s`],
    ...['--presence-secret-file', options.files.path('presence-secret')],
    ...registryUrls.flatMap((url) => ['--registry-url', url]),
  ]);
}

/** Bytes are enough: neither registry nor relay computes with an endpoint's key. */
export function somePublicKey(): { readonly x25519: Uint8Array; readonly mlkem768: Uint8Array } {
  return { x25519: randomBytes(32), mlkem768: randomBytes(1_184) };
}
