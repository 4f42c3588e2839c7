import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createKeyFile, type Keypair } from '../../noise/index.ts';
import { fingerprintOf, registrationIdOf, type ServingCertificate } from '../../wire/index.ts';
import { type RunningExecutor, startExecutor } from '../executor.ts';
import type { ExecutorOptions } from '../options.ts';
import { RecordedLog } from './recorded-log.ts';
import { ScriptedExecServer } from './scripted-exec-server.ts';
import { ScriptedRegistry } from './scripted-registry.ts';
import { type ExecutorSocket, ScriptedRelay } from './scripted-relay.ts';
import { TestHarness } from './test-harness.ts';

/** One sidecar between a scripted registry, a scripted relay and a scripted exec-server. */
export class Fixture {
  readonly dir = mkdtempSync(join(tmpdir(), 'executor-'));
  readonly log = new RecordedLog();
  readonly registry: ScriptedRegistry;
  relay: ScriptedRelay;
  execServer: ScriptedExecServer;
  executor: RunningExecutor | undefined;
  readonly keys = new Map<string, Keypair>();

  private constructor(registry: ScriptedRegistry, relay: ScriptedRelay, execServer: ScriptedExecServer) {
    this.registry = registry;
    this.relay = relay;
    this.execServer = execServer;
    registry.relayUrl = relay.url;
    mkdirSync(join(this.dir, 'keys'));
    writeFileSync(join(this.dir, 'token'), 'executor-token\n');
  }

  /** Everything but the sidecar, and one key file `k1.json`. With a certificate registry and relay speak TLS. */
  static async prepare(certificate?: ServingCertificate): Promise<Fixture> {
    const servers = await Promise.all([
      ScriptedRegistry.start(certificate),
      ScriptedRelay.start(0, certificate),
      ScriptedExecServer.start(),
    ]);
    const fixture = new Fixture(...servers);
    fixture.addKey('k1');
    return fixture;
  }

  static async start(options: Partial<ExecutorOptions> = {}): Promise<Fixture> {
    const fixture = await Fixture.prepare();
    await fixture.startExecutor(options);
    return fixture;
  }

  async startExecutor(options: Partial<ExecutorOptions> = {}): Promise<RunningExecutor> {
    this.executor = await startExecutor({
      environmentId: this.registry.environmentId,
      registryUrl: this.registry.url,
      tokenFile: join(this.dir, 'token'),
      keysDir: join(this.dir, 'keys'),
      stateDir: join(this.dir, 'state'),
      execServerUrl: this.execServer.url,
      sandbox: 'container',
      runtime: 'BuiltIn',
      logger: this.log.logger,
      ...options,
    });
    return this.executor;
  }

  path(...parts: string[]): string {
    return join(this.dir, ...parts);
  }

  addKey(id: string): Keypair {
    const keypair = createKeyFile(this.path('keys', `${id}.json`));
    this.keys.set(id, keypair);
    return keypair;
  }

  removeKey(id: string): void {
    rmSync(this.path('keys', `${id}.json`));
  }

  key(id: string): Keypair {
    const keypair = this.keys.get(id);
    if (keypair === undefined) throw new Error(`no key ${id}`);
    return keypair;
  }

  registrationOf(id: string) {
    return registrationIdOf(
      this.registry.environmentId,
      this.registry.incarnation,
      fingerprintOf(this.key(id).publicKey),
    );
  }

  /** The live relay socket of a key, after it told its session table. */
  async socket(id = 'k1'): Promise<ExecutorSocket> {
    return eventually(() =>
      this.relay.live.findLast(
        ({ registrationId, control }) => registrationId === this.registrationOf(id) && control.length > 0,
      ),
    );
  }

  async harness(parts: { key?: string; keypair?: Keypair; authorization?: string } = {}): Promise<TestHarness> {
    const { key = 'k1', ...rest } = parts;
    const socket = await this.socket(key);
    return TestHarness.connect({
      socket,
      environmentId: this.registry.environmentId,
      executorKey: this.key(key).publicKey,
      ...rest,
    });
  }

  async close(): Promise<void> {
    await this.executor?.close();
    await Promise.all([this.registry.close(), this.relay.close(), this.execServer.close()]);
    rmSync(this.dir, { recursive: true });
  }
}

/** Polls for what arrives over real sockets; the test's own timeout is the limit. */
export async function eventually<Value>(look: () => Value | undefined | false): Promise<Value> {
  for (;;) {
    const value = look();
    if (value !== undefined && value !== false) return value;
    await delay(5);
  }
}
