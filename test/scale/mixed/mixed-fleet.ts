import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../src/dev/state/free-port.ts';
import { createKeyFile } from '../../../src/noise/index.ts';
import { fingerprintOf, parseEnvironmentId } from '../../../src/wire/index.ts';
import { Balancer } from '../rig/balancer.ts';
import { type ListedEnvironment, newSecret, RoutingFiles, sha256 } from '../routing/files.ts';
import { Replica, registryReplica, relayReplica } from '../routing/replicas.ts';

export type Release = 'previous' | 'current';

/** Which release each part is of. Those that are left out are of this one. */
export interface Mix {
  readonly registries?: readonly Release[];
  readonly relays?: readonly Release[];
  readonly sidecar?: Release;
  readonly execServer?: Release;
  readonly client?: Release;
}

type KeyState = ListedEnvironment['keys'][number]['state'];

const NAME = 'demo';
const INCARNATION = 'pod-1';

/** Two registries, two relays, an executor and its clients, each of the release that the mix says, as processes. */
export class MixedFleet {
  readonly files: RoutingFiles;
  readonly registries: Replica[] = [];
  readonly relays: Replica[] = [];
  readonly #mix: Mix;
  readonly #programs: Readonly<Record<Release, readonly string[]>>;
  readonly #registryFront: Balancer;
  readonly #relayFront: Balancer;
  readonly #token = newSecret();
  readonly #keys = new Map<string, { fingerprint: string; state: KeyState }>();
  readonly #clients = new Set<ChildProcess>();
  #sidecar: Replica | undefined;
  #execServer: Replica | undefined;
  #isGranted = true;

  static async start(mix: Mix, programs: Readonly<Record<Release, readonly string[]>>): Promise<MixedFleet> {
    const files = await RoutingFiles.make(1);
    const fleet = new MixedFleet(mix, programs, files, [await Balancer.listen(), await Balancer.listen()]);
    try {
      await fleet.#open();
      return fleet;
    } catch (error) {
      await fleet.close();
      throw error;
    }
  }

  private constructor(
    mix: Mix,
    programs: Readonly<Record<Release, readonly string[]>>,
    files: RoutingFiles,
    [registryFront, relayFront]: readonly [Balancer, Balancer],
  ) {
    this.#mix = mix;
    this.#programs = programs;
    this.files = files;
    this.#registryFront = registryFront;
    this.#relayFront = relayFront;
  }

  get sidecar(): Replica {
    if (this.#sidecar === undefined) throw new Error('no sidecar was started');
    return this.#sidecar;
  }

  /** A client of the mix: `exec` and `run` as people call them, with the same flags in every release. */
  client(command: 'exec' | 'run', argv: readonly string[]): Command {
    const [file = '', ...program] = this.#programs[this.#mix.client ?? 'current'];
    const url = `http://${this.#registryFront.address}`;
    const way = ['--registry', url, '--token-file', this.files.path('client-token')];
    const child = spawn(file, [...program, command, ...way, NAME, '--', ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#clients.add(child);
    child.once('exit', () => this.#clients.delete(child));
    return new Command(child);
  }

  /** The program of a release in the words of a shell. */
  shellWords(release: Release): string {
    return this.#programs[release].map((word) => `'${word}'`).join(' ');
  }

  /** Another one of the same release takes its place; it is ended as its pod would be, or killed. */
  async replaceRelay(relay: Replica, how: 'stop' | 'kill'): Promise<void> {
    const release = this.#mix.relays?.[this.relays.indexOf(relay)] ?? 'current';
    const next = await this.#startRelay(release, `${relay.name}-next`);
    this.#relayFront.remove(relay.endpoint);
    await relay[how]();
    this.relays.splice(this.relays.indexOf(relay), 1, next);
  }

  /** It is there again, at the same address. */
  async restartRegistry(registry: Replica): Promise<void> {
    this.#registryFront.remove(registry.endpoint);
    await registry.kill();
    await registry.start(registry.endpoint.port);
    this.#registryFront.add(registry.endpoint);
  }

  setGranted(isGranted: boolean): void {
    this.#isGranted = isGranted;
    this.#list();
  }

  /** A further key, as the operator makes it: its line first. */
  addKey(id: string): void {
    const folder = this.files.path(`making-${id}`);
    mkdirSync(folder);
    const { publicKey } = createKeyFile(join(folder, `${id}.json`));
    this.#keys.set(id, { fingerprint: fingerprintOf(publicKey), state: 'Active' });
    this.#list();
    renameSync(join(folder, `${id}.json`), this.files.path('keys', `${id}.json`));
  }

  revokeKey(id: string): void {
    const key = this.#keys.get(id);
    if (key !== undefined) key.state = 'Revoked';
    this.#list();
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.kill('SIGKILL');
    const executor = [this.#sidecar, this.#execServer].filter((part) => part !== undefined);
    await Promise.all([...this.registries, ...this.relays, ...executor].map((part) => part.kill()));
    this.#registryFront.close();
    this.#relayFront.close();
    this.files.remove();
  }

  async #open(): Promise<void> {
    for (const name of ['keys', 'state', 'spill', 'workspace']) mkdirSync(this.files.path(name), { mode: 0o700 });
    this.files.write('executor-token', this.#token);
    this.addKey('k1');
    const { registries = ['current', 'current'], relays = ['current', 'current'] } = this.#mix;
    await Promise.all(registries.map((release, number) => this.#startRegistry(release, `registry-${number}`)));
    const started = relays.map((release, number) => this.#startRelay(release, `relay-${number}`));
    this.relays.push(...(await Promise.all(started)));
    await this.#startExecutor();
  }

  async #startRegistry(release: Release, name: string): Promise<void> {
    const options = { name: `${name}-${release}`, files: this.files, program: this.#programs[release] };
    const registry = registryReplica(options, `ws://${this.#relayFront.address}`);
    this.registries.push(registry);
    await registry.start(await freePort());
    this.#registryFront.add(registry.endpoint);
  }

  async #startRelay(release: Release, name: string): Promise<Replica> {
    const options = { name: `${name}-${release}`, files: this.files, program: this.#programs[release] };
    const urls = this.registries.map(({ endpoint }) => `http://${endpoint.host}:${endpoint.port}`);
    const relay = relayReplica(options, urls);
    await relay.start(await freePort());
    this.#relayFront.add(relay.endpoint);
    return relay;
  }

  /** The sidecar makes the token that its exec-server waits for. */
  async #startExecutor(): Promise<void> {
    const { files } = this;
    const { sidecar = 'current', execServer = 'current' } = this.#mix;
    const port = await freePort();
    const options = (name: string, release: Release) => ({ name, files, program: this.#programs[release] });
    this.#execServer = new Replica(options('exec-server', execServer), (at) => [
      ...['exec-server', '--listen', `ws://127.0.0.1:${at}`, '--spill-dir', files.path('spill')],
      ...['--token-sha256-file', files.path('state', 'exec-server-token.sha256')],
      ...['--workspace', files.path('workspace')],
    ]);
    this.#sidecar = new Replica(options('sidecar', sidecar), () => [
      ...['executor', '--environment-id', `default_${NAME}`, '--registry-url', `http://${this.#registryFront.address}`],
      ...['--token-file', files.path('executor-token'), '--keys-dir', files.path('keys')],
      ...['--state-dir', files.path('state'), '--exec-server-url', `ws://127.0.0.1:${port}`],
    ]);
    await Promise.all([this.#sidecar.start(0), this.#execServer.start(port)]);
  }

  #list(): void {
    const environment: ListedEnvironment = {
      ...{ id: parseEnvironmentId(`default_${NAME}`), runtime: 'BuiltIn', incarnation: INCARNATION },
      executorTokenSha256: [sha256(this.#token)],
      keys: [...this.#keys].map(([id, key]) => ({ id, ...key })),
    };
    this.files.list([environment], this.#isGranted);
  }
}

/** A client that runs. */
export class Command {
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
  readonly #began = Promise.withResolvers<void>();
  #stdout = '';
  #stderr = '';

  constructor(child: ChildProcess) {
    child.stdout?.setEncoding('latin1').on('data', (text: string) => {
      this.#stdout += text;
      this.#began.resolve();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.ended = once(child, 'close').then(([code]) => ({ code, stdout: this.#stdout, stderr: this.#stderr }));
    void this.ended.then(({ stderr }) => this.#began.reject(new Error(`it ended without a word: ${stderr}`)));
    this.#began.promise.catch(() => {});
  }

  /** Its first output is here. @throws when it ended without any */
  get began(): Promise<void> {
    return this.#began.promise;
  }
}
