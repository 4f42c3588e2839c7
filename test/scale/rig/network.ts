import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** Of everything that is made here; the id of the process that made it follows, so that what a killed one left can be told and removed. */
const PREFIX = 'nfs';
const OURS = new RegExp(`^${PREFIX}(\\d+)-`);

/** 198.18.0.0/15 is set aside for measurements of networks (RFC 2544); a rig takes one /24 of it. */
const FIRST_BYTES = '198.18';
const SUBNETS = 256;
const FIRST_HOST = 10;
const LAST_HOST = 254;

/** What `ip` prints when the rest of the command line is wrong or not allowed stays out of a test's output unless it fails. */
function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Why network namespaces cannot be had here; undefined when they can. */
export function networkProblem(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const probe = `${PREFIX}${process.pid}-probe`;
  try {
    ip('netns', 'add', probe);
    ip('netns', 'del', probe);
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error);
    return `no network namespaces here: ${reason}`;
  }
}

/** One host on the network: a namespace with a cable to the bridge. */
export interface Place {
  readonly address: string;
  /** Command and arguments that run `command` there. */
  inside(command: readonly string[]): readonly string[];
  /** From now on no packet leaves or reaches it, and nobody is told: no RST, no FIN, no ICMP. */
  cut(): void;
  /** For good, also when called again; processes in it must have ended. */
  remove(): void;
}

/** A bridge on this machine and hosts around it. The machine itself is the first of them. */
export class Network {
  readonly #name = `${PREFIX}${process.pid}`;
  readonly #subnet: string;
  readonly #places = new Set<Place>();
  #made = 0;

  /** Removes what dead processes left, and makes the bridge. @throws when it may not: see `networkProblem` */
  static open(): Network {
    sweep();
    return new Network();
  }

  private constructor() {
    this.#subnet = freeSubnet();
    // Of its own it would have the lowest hardware address of its cables, and another one with every host that comes and goes.
    ip('link', 'add', this.#bridge, 'address', hardwareOf(this.address), 'type', 'bridge');
    ip('addr', 'add', `${this.address}/24`, 'dev', this.#bridge);
    ip('link', 'set', this.#bridge, 'up');
  }

  /** Of this machine, for those around it. */
  get address(): string {
    return `${this.#subnet}.1`;
  }

  /** Of the host that is made next. */
  get nextAddress(): string {
    return `${this.#subnet}.${FIRST_HOST + (this.#made % (LAST_HOST - FIRST_HOST))}`;
  }

  /** A new host, with an address that no earlier one had (until they are used up) or with one that a removed one had. */
  place(again?: string): Place {
    const name = `${this.#name}-${this.#made}`;
    const address = again ?? this.nextAddress;
    this.#made += 1;
    ip('netns', 'add', name);
    ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'address', hardwareOf(address), 'netns', name);
    ip('link', 'set', name, 'master', this.#bridge, 'up');
    ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    ip('-n', name, 'link', 'set', 'eth0', 'up');
    ip('-n', name, 'link', 'set', 'lo', 'up');
    const place: Place = {
      address,
      inside: (command) => ['ip', 'netns', 'exec', name, ...command],
      cut: () => this.#cut(name, address),
      remove: () => {
        if (!this.#places.delete(place)) return;
        // The cable first: a namespace goes only some time after its last process and socket.
        ip('link', 'del', name);
        ip('netns', 'del', name);
      },
    };
    this.#places.add(place);
    return place;
  }

  close(): void {
    for (const place of this.#places) place.remove();
    ip('link', 'del', this.#bridge);
  }

  get #bridge(): string {
    return `${this.#name}-b`;
  }

  /**
   * The cable is pulled at the far end of a switch: the hardware address stays known on this side, because a neighbour that cannot be
   * resolved would be told to whoever dials it, within three seconds.
   */
  #cut(name: string, address: string): void {
    const [, hardware] = /link\/ether (\S+)/.exec(ip('-n', name, '-o', 'link', 'show', 'eth0')) ?? [];
    if (hardware === undefined) throw new Error(`${name} has no hardware address`);
    ip('neigh', 'replace', address, 'lladdr', hardware, 'dev', this.#bridge, 'nud', 'permanent');
    ip('link', 'set', name, 'down');
  }
}

/** Of an address always the same: neighbours remember it for a while, also when another host has the address by then. */
function hardwareOf(address: string): string {
  const bytes = address.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'));
  return ['02', '00', ...bytes].join(':');
}

/** Removes namespaces, cables and bridges of processes that are no more. */
function sweep(): void {
  const names = ip('netns', 'list')
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '');
  for (const name of names.filter(isAbandoned)) ip('netns', 'del', name);
  for (const [, name = ''] of ip('-o', 'link', 'show').matchAll(/^\d+: ([^:@]+)/gm)) {
    if (isAbandoned(name)) ip('link', 'del', name);
  }
}

function isAbandoned(name: string): boolean {
  const [, pid] = OURS.exec(name) ?? [];
  return pid !== undefined && !existsSync(`/proc/${pid}`);
}

function freeSubnet(): string {
  const taken = Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? []);
  for (let number = 0; number < SUBNETS; number += 1) {
    const subnet = `${FIRST_BYTES}.${number}`;
    if (!taken.some((address) => address.startsWith(`${subnet}.`))) return subnet;
  }
  throw new Error(`no free subnet in ${FIRST_BYTES}.0.0/16`);
}
