import { createHash, randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ExecServer, startExecServer } from '../../src/exec-server/index.ts';
import { type RunningExecutor, startExecutor } from '../../src/executor/index.ts';
import { Harness, type HarnessOptions } from '../../src/harness/index.ts';
import { createKeyFile, type Keypair } from '../../src/noise/index.ts';
import { type DirectoryFile, type RunningRegistry, startRegistry } from '../../src/registry/index.ts';
import { type RunningRelay, startRelay } from '../../src/relay/index.ts';
import { type Clock, createMetrics, systemClock } from '../../src/telemetry/index.ts';
import { createTicketKeysFile, fingerprintOf, parseEnvironmentId } from '../../src/wire/index.ts';
import { DeafRelay } from '../faults/deaf-relay.ts';
import { Line } from '../faults/line.ts';
import { type RelayProxy, startRelayProxy } from '../faults/relay-proxy.ts';
import { PlaneLog } from './plane-log.ts';
import { RawHarness } from './raw-harness.ts';

type KeyState = DirectoryFile['environments'][number]['keys'][number]['state'];

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const newToken = () => randomBytes(24).toString('base64url');

export interface PlaneOptions {
  readonly relays?: number;
  /** How long a relay that ends waits for quiet moments. */
  readonly drainMs?: number;
  readonly registryClock?: Clock;
  /** Two, and everybody but relays asks the one that lives. */
  readonly twinRegistry?: boolean;
}

/** The whole data plane in one process, every part the real one, on loopback. Parts can be stopped and started again. */
export class Plane {
  readonly dir = mkdtempSync(join(tmpdir(), 'plane-'));
  readonly log = new PlaneLog();
  readonly environmentId = parseEnvironmentId('default_demo');
  readonly clientToken = newToken();
  /** Of somebody else who may connect, and whose limits are his own. */
  readonly otherToken = newToken();
  /** Each pod has its own. */
  #executorToken = newToken();
  #pods = 0;
  #hasPod = false;
  readonly #drainMs: number;
  readonly #registryClock: Clock;
  readonly #keys = new Map<string, { keypair: Keypair; state: KeyState }>();
  #isGranted = true;
  proxy: RelayProxy | undefined;
  registry: RunningRegistry | undefined;
  twin: RunningRegistry | undefined;
  /** To a registry that lives; missing where there is but one. */
  #door: Line | undefined;
  readonly relays: RunningRelay[] = [];
  /** Relays with a fault that no real one can be made to have. */
  readonly faulty: DeafRelay[] = [];
  #nextRelay = 0;
  executor: RunningExecutor | undefined;
  execServer: ExecServer | undefined;

  private constructor({ drainMs = 0, registryClock = systemClock }: PlaneOptions) {
    this.#drainMs = drainMs;
    this.#registryClock = registryClock;
  }

  static async start(options: PlaneOptions = {}): Promise<Plane> {
    const { relays = 1 } = options;
    const plane = new Plane(options);
    for (const folder of ['keys', 'state', 'spill']) mkdirSync(plane.path(folder), { mode: 0o700 });
    await createTicketKeysFile(plane.path('ticket-keys.json'));
    writeFileSync(plane.path('presence-secret'), newToken(), { mode: 0o600 });
    plane.newPod();
    plane.addKey('k1');
    plane.proxy = await startRelayProxy({ target: () => ({ host: '127.0.0.1', port: portOf(plane.#balance()?.url) }) });
    await plane.startRegistry();
    if (options.twinRegistry) await plane.#startTwin();
    for (let n = 0; n < relays; n++) await plane.startRelay();
    await plane.startExecServer();
    await plane.startExecutor();
    return plane;
  }

  path(...parts: string[]): string {
    return join(this.dir, ...parts);
  }

  async startRegistry(): Promise<void> {
    this.registry = await this.#newRegistry(portOf(this.registry?.url));
  }

  /** Half of the registries die. */
  async endRegistry(): Promise<void> {
    const { registry } = this;
    this.registry = undefined;
    await registry?.close();
  }

  async #startTwin(): Promise<void> {
    this.twin = await this.#newRegistry(0);
    this.#door = await Line.lay(() => new URL((this.registry ?? this.twin)?.url ?? ''));
  }

  #newRegistry(port: number): Promise<RunningRegistry> {
    return startRegistry({
      host: '127.0.0.1',
      port,
      relayUrl: this.proxy?.url ?? '',
      directory: { file: this.path('directory.json') },
      ticketKeysFile: this.path('ticket-keys.json'),
      presence: { secretFile: this.path('presence-secret') },
      logger: this.log.logger('registry'),
      clock: this.#registryClock,
    });
  }

  /** At all registries, or at those that `registryUrls` lead to. */
  async startRelay(
    registryUrls = [this.registry, this.twin].flatMap((registry) => registry?.url ?? []),
  ): Promise<RunningRelay> {
    const relay = await startRelay({
      host: '127.0.0.1',
      port: 0,
      limits: { drainMs: this.#drainMs },
      registryUrls,
      presenceSecret: async () => readFileSync(this.path('presence-secret'), 'utf8'),
      logger: this.log.logger('relay'),
      metrics: createMetrics({ component: 'relay', version: 'test' }),
    });
    this.relays.push(relay);
    return relay;
  }

  /** One that forwards nothing, until it is mended. */
  async startDeafRelay(): Promise<DeafRelay> {
    const secret = readFileSync(this.path('presence-secret'), 'utf8');
    const relay = await DeafRelay.start({ registryUrl: this.registryUrl, secret });
    this.faulty.push(relay);
    return relay;
  }

  /** Ends a relay as its pod ends: from now on nobody new is sent there, and it drains. */
  async endRelay(relay = this.relays[0]): Promise<void> {
    if (relay === undefined) return;
    this.relays.splice(this.relays.indexOf(relay), 1);
    await relay.close();
  }

  /** As a Service does: one after the other, those that are there. */
  #balance(): { readonly url: string } | undefined {
    this.#nextRelay += 1;
    const relays = [...this.relays, ...this.faulty.filter(({ isReady }) => isReady)];
    return relays[this.#nextRelay % Math.max(1, relays.length)];
  }

  /** The sidecar takes the token that an earlier life of it would have left, so that the exec-server can start first. */
  async startExecServer(): Promise<void> {
    const token = randomBytes(32).toString('base64url');
    writeFileSync(this.path('state', 'exec-server-token'), token, { mode: 0o600 });
    this.execServer = await startExecServer({
      host: '127.0.0.1',
      port: 0,
      tokenSha256: sha256(token),
      sandbox: 'container',
      spillDirectory: this.path('spill'),
      workspace: this.dir,
      version: 'test',
      logger: this.log.logger('exec-server'),
    });
  }

  async startExecutor(): Promise<void> {
    this.executor = await startExecutor({
      environmentId: this.environmentId,
      registryUrl: this.registryUrl,
      tokenFile: this.tokenFile,
      keysDir: this.path('keys'),
      stateDir: this.path('state'),
      execServerUrl: this.execServer?.url ?? '',
      sandbox: 'container',
      runtime: 'BuiltIn',
      logger: this.log.logger('executor'),
    });
  }

  get registryUrl(): string {
    return this.#door?.url ?? this.registry?.url ?? '';
  }

  /** Another pod counts, with a token of its own: what runs until then is of the one before. */
  newPod(): void {
    this.#executorToken = newToken();
    this.#pods += 1;
    this.#hasPod = true;
    writeFileSync(this.tokenFile, this.#executorToken, { mode: 0o600 });
    this.#writeDirectory();
  }

  /** No pod counts: the executor is suspended, or the one that it had is gone. */
  noPod(): void {
    this.#hasPod = false;
    this.#writeDirectory();
  }

  /** A key file and its line in the directory, as the operator makes them: the line first, as Prepared. */
  addKey(id: string): Keypair {
    const keypair = this.prepareKey(id);
    this.mountKey(id);
    return keypair;
  }

  /** It is recorded, and the volume of the pod does not have it yet. */
  prepareKey(id: string): Keypair {
    mkdirSync(this.path(`made-${id}`));
    const keypair = createKeyFile(this.path(`made-${id}`, `${id}.json`));
    this.#keys.set(id, { keypair, state: 'Prepared' });
    this.#writeDirectory();
    return keypair;
  }

  /** The volume of the pod has it, perhaps once more. */
  mountKey(id: string): void {
    const made = this.path(`made-${id}`, `${id}.json`);
    copyFileSync(made, `${made}.new`);
    renameSync(`${made}.new`, this.path('keys', `${id}.json`));
  }

  /** The volume of the pod has it no more, whatever is recorded. */
  unmountKey(id: string): void {
    rmSync(this.path('keys', `${id}.json`));
  }

  setKeyState(id: string, state: KeyState): void {
    const key = this.#keys.get(id);
    if (key !== undefined) this.#keys.set(id, { ...key, state });
    this.#writeDirectory();
  }

  /** The end of an overlap: gone from the folder and from the directory. */
  removeKey(id: string): void {
    this.unmountKey(id);
    this.#keys.delete(id);
    this.#writeDirectory();
  }

  keyIds(): string[] {
    return [...this.#keys.keys()];
  }

  key(id: string): Keypair {
    const key = this.#keys.get(id);
    if (key === undefined) throw new Error(`no key ${id}`);
    return key.keypair;
  }

  setGranted(isGranted: boolean): void {
    this.#isGranted = isGranted;
    this.#writeDirectory();
  }

  async harness(options: Partial<HarnessOptions> = {}): Promise<Harness> {
    return Harness.connect({
      environmentId: this.environmentId,
      registryUrl: this.registryUrl,
      credential: async () => this.clientToken,
      ...options,
    });
  }

  async raw(keypair?: Keypair): Promise<RawHarness> {
    return RawHarness.open(this.rawOptions(keypair));
  }

  rawOptions(keypair?: Keypair) {
    const { registryUrl, environmentId, clientToken: token } = this;
    return { registryUrl, environmentId, token, ...(keypair && { keypair }) };
  }

  async close(): Promise<void> {
    await this.executor?.close();
    await Promise.all([...this.relays, ...this.faulty].map((relay) => relay.close()));
    await Promise.all([this.registry?.close(), this.twin?.close(), this.#door?.close()]);
    await this.execServer?.close();
    await this.proxy?.close();
    rmSync(this.dir, { recursive: true });
  }

  /** Of the executor as it is now. */
  get tokenFile(): string {
    return this.path(`executor-token-${this.#pods}`);
  }

  #writeDirectory(): void {
    const environments: DirectoryFile['environments'] = [
      {
        id: this.environmentId,
        runtime: 'BuiltIn',
        ...(this.#hasPod && { incarnation: `pod-${this.#pods}` }),
        executorTokenSha256: [sha256(this.#executorToken)],
        keys: [...this.#keys].map(([id, { keypair, state }]) => ({
          id,
          fingerprint: fingerprintOf(keypair.publicKey),
          state,
        })),
      },
    ];
    const file: DirectoryFile = {
      version: 1,
      environments,
      identities: [
        { name: 'dev:local', tokens: [{ sha256: sha256(this.clientToken), expirationTime: '2099-01-01T00:00:00Z' }] },
        { name: 'dev:other', tokens: [{ sha256: sha256(this.otherToken), expirationTime: '2099-01-01T00:00:00Z' }] },
      ],
      grants: [
        { name: 'default/other', identities: ['dev:other'], environments: [this.environmentId] },
        ...(this.#isGranted
          ? [{ name: 'default/dev', identities: ['dev:local'], environments: [this.environmentId] }]
          : []),
      ],
    };
    writeFileSync(this.path('directory.json.new'), JSON.stringify(file), { mode: 0o600 });
    renameSync(this.path('directory.json.new'), this.path('directory.json'));
  }
}

/** 0, a free one, at the first start; the same one afterwards. */
function portOf(url: string | undefined): number {
  return url === undefined ? 0 : Number(new URL(url).port);
}

/** Polls for what arrives over real sockets; the test's own timeout is the limit. */
export async function eventually<Value>(
  look: () => Value | undefined | false | Promise<Value | undefined | false>,
): Promise<Value> {
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value;
    await delay(10);
  }
}

/** All of a command's output and how it ended. */
export async function run(harness: Harness, argv: readonly string[]): Promise<{ exitCode: number; stdout: string }> {
  const remote = await harness.exec({ argv });
  remote.stderr.resume();
  const chunks: Buffer[] = [];
  for await (const chunk of remote.stdout) chunks.push(Buffer.from(chunk));
  const { exitCode } = await remote.closed;
  return { exitCode, stdout: Buffer.concat(chunks).toString() };
}
