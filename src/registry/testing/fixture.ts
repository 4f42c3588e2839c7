import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { createLogger, createMetrics, type Metrics } from '../../telemetry/index.ts';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import {
  createTicketKeysFile,
  type EnvironmentId,
  encodePublicKey,
  type Fingerprint,
  fingerprintOf,
  type Incarnation,
  parseEnvironmentId,
  parseIncarnation,
  type RegistryCall,
  registrationIdOf,
  registryPath,
  SECURITY_PROFILE,
  TicketSigner,
} from '../../wire/index.ts';
import type { DirectoryFile } from '../directory/file-format.ts';
import { type RegistryOptions, type RunningRegistry, startRegistry } from '../index.ts';

/** Public halves are just bytes to a registry: no pair is needed to test it. */
export function somePublicKey() {
  return { x25519: randomBytes(32), mlkem768: randomBytes(1184) };
}

export const DEMO = parseEnvironmentId('default_demo');
export const LAPTOP = parseEnvironmentId('default_laptop');
export const POD_A = parseIncarnation('pod-a');
export const POD_B = parseIncarnation('pod-b');

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A token as the product makes them: long and random. */
export function someToken(): string {
  return randomBytes(24).toString('base64url');
}

/** The members of all answers in one: a test looks at those of the answer that it expects. */
interface ApiBody {
  readonly environment_id: string;
  readonly url: string;
  readonly security_profile: string;
  readonly executor_registration_id: string;
  readonly executor_public_key: unknown;
  readonly harness_key_authorization: string;
  readonly valid: boolean;
  readonly jti: string;
  readonly error: { readonly code: string; readonly message: string };
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: ApiBody;
}

export interface Tokens {
  readonly alice: string;
  readonly bob: string;
  readonly demo: string;
  readonly laptop: string;
}

/** A running registry with its files: alice may use `demo` and `laptop`, bob nothing. */
export class RegistryFixture {
  readonly folder: string;
  readonly clock: ManualClock;
  readonly metrics: Metrics;
  readonly tokens: Tokens = { alice: someToken(), bob: someToken(), demo: someToken(), laptop: someToken() };
  readonly presenceSecret = someToken();
  readonly keys = { k1: somePublicKey(), k2: somePublicKey() };
  readonly log: string[] = [];
  file: DirectoryFile;
  signer = TicketSigner.generate();
  #registry: RunningRegistry | undefined;

  private constructor(folder: string, clock: ManualClock) {
    this.folder = folder;
    this.clock = clock;
    this.metrics = createMetrics({ component: 'registry', version: 'test' });
    this.file = this.#firstFile();
  }

  static async start(options: Partial<RegistryOptions> = {}): Promise<RegistryFixture> {
    const folder = await mkdtemp(join(tmpdir(), 'noisefleet-registry-'));
    const fixture = new RegistryFixture(folder, new ManualClock());
    await createTicketKeysFile(fixture.path('ticket-keys.json'));
    await writeFile(fixture.path('presence-secret'), `${fixture.presenceSecret}\n`, { mode: 0o600 });
    fixture.signer = await TicketSigner.fromFile(fixture.path('ticket-keys.json'));
    await fixture.writeFile();
    await fixture.startRegistry(options);
    return fixture;
  }

  async startRegistry(options: Partial<RegistryOptions> = {}): Promise<void> {
    const lines = new Writable({
      write: (chunk, _encoding, done) => {
        this.log.push(String(chunk));
        done();
      },
    });
    this.#registry = await startRegistry({
      host: '127.0.0.1',
      port: 0,
      relayUrl: 'wss://relay.example/base/',
      directory: { file: this.path('directory.json') },
      ticketKeysFile: this.path('ticket-keys.json'),
      presence: { secretFile: this.path('presence-secret') },
      logger: createLogger({ component: 'registry', level: 'trace', destination: lines }),
      metrics: createMetrics({ component: 'registry', version: 'test' }),
      clock: this.clock,
      ...options,
    });
  }

  get url(): string {
    return this.#registry?.url ?? '';
  }

  get adminUrl(): string {
    return this.#registry?.adminUrl ?? '';
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Replaces the directory file in one step, as `dev` does. */
  async writeFile(text = JSON.stringify(this.file)): Promise<void> {
    const draft = this.path(`directory.${randomUUID()}.tmp`);
    await writeFile(draft, text);
    await rename(draft, this.path('directory.json'));
  }

  /** Changes the directory and returns when the registry has read it. */
  async change(edit: (file: DirectoryFile) => void): Promise<void> {
    const next = structuredClone(this.file);
    edit(next);
    this.file = next;
    const before = this.logged('directory loaded').length;
    await this.writeFile();
    await this.until(() => this.logged('directory loaded').length > before);
  }

  /** Waits for something that happens by I/O; real time passes, the injected clock does not. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve));
  }

  logged(message: string): Record<string, unknown>[] {
    return this.log.map((line) => JSON.parse(line)).filter((line) => line.msg === message);
  }

  environment(id: EnvironmentId = DEMO, file: DirectoryFile = this.file) {
    const found = file.environments.find((each) => each.id === id);
    if (found === undefined) throw new Error(`no environment ${id}`);
    return found;
  }

  fingerprint(key: 'k1' | 'k2'): Fingerprint {
    return fingerprintOf(this.keys[key]);
  }

  registrationId(key: 'k1' | 'k2', incarnation: Incarnation = POD_A) {
    return registrationIdOf(DEMO, incarnation, this.fingerprint(key));
  }

  async post(
    environment: string,
    call: RegistryCall,
    token: string | undefined,
    body: unknown,
    signal?: AbortSignal,
  ): Promise<ApiAnswer> {
    const response = await fetch(`${this.url}${registryPath(environment as EnvironmentId, call)}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...(signal && { signal }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
  }

  register(environment: string, token: string | undefined, publicKey = this.keys.k1): Promise<ApiAnswer> {
    const executor_public_key = encodePublicKey(publicKey);
    return this.post(environment, 'register', token, { security_profile: SECURITY_PROFILE, executor_public_key });
  }

  connect(environment: string, token: string | undefined, harness = somePublicKey()): Promise<ApiAnswer> {
    return this.post(environment, 'connect', token, { harness_public_key: encodePublicKey(harness) });
  }

  validate(
    environment: string,
    token: string | undefined,
    body: { registration: string; harness: ReturnType<typeof somePublicKey>; authorization: string },
  ): Promise<ApiAnswer> {
    return this.post(environment, 'validate', token, {
      executor_registration_id: body.registration,
      harness_public_key: encodePublicKey(body.harness),
      harness_key_authorization: body.authorization,
    });
  }

  async stopRegistry(): Promise<void> {
    await this.#registry?.close();
    this.#registry = undefined;
  }

  async close(): Promise<void> {
    await this.stopRegistry();
    await rm(this.folder, { recursive: true, force: true });
  }

  #firstFile(): DirectoryFile {
    const tomorrow = new Date(this.clock.now() + 86_400_000).toISOString();
    return {
      version: 1,
      environments: [
        {
          id: DEMO,
          runtime: 'BuiltIn',
          incarnation: POD_A,
          executorTokenSha256: [sha256(this.tokens.demo)],
          keys: [{ id: 'k1', fingerprint: this.fingerprint('k1'), state: 'Active' }],
        },
        { id: LAPTOP, runtime: 'External', executorTokenSha256: [sha256(this.tokens.laptop)], keys: [] },
      ],
      identities: [
        { name: 'sa:default/alice', tokens: [{ sha256: sha256(this.tokens.alice), expirationTime: tomorrow }] },
        { name: 'sa:default/bob', tokens: [{ sha256: sha256(this.tokens.bob), expirationTime: tomorrow }] },
      ],
      grants: [{ name: 'default/dev', identities: ['sa:default/alice'], environments: [DEMO, LAPTOP] }],
    };
  }
}
