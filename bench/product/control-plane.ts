import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/dev/state/free-port.ts';
import { createKeyFile } from '../../src/noise/index.ts';
import { SIDECAR_COMMAND } from '../../src/operator/executor-pod/places.ts';
import { generateAuthority, issueLeaf } from '../../src/operator/tls/certificates.ts';
import type { DirectoryFile } from '../../src/registry/index.ts';
import { createTicketKeysFile, fingerprintOf } from '../../src/wire/index.ts';
import { buildBundle } from './bundle.ts';
import { ServiceProcess } from './service-process.ts';

const ENVIRONMENT = 'default_bench';
const DAY_MS = 86_400_000;

/** Runs `work` beside the bundle's registry and relay. */
export async function onControlPlane<Result>(work: (plane: ControlPlane) => Promise<Result>): Promise<Result> {
  const plane = await ControlPlane.start(buildBundle());
  try {
    return await work(plane);
  } finally {
    await plane.close();
  }
}

/** A registry and a relay that speak TLS as those of a cluster do, each a process of the bundle, and what an executor of theirs needs. */
export class ControlPlane {
  readonly #program: readonly string[];
  readonly #folder = mkdtempSync(join(tmpdir(), 'bench-plane-'));
  readonly #services: ServiceProcess[] = [];
  #registryUrl = '';

  static async start(program: readonly string[]): Promise<ControlPlane> {
    const plane = new ControlPlane(program);
    await plane.#writeFiles();
    const [registryPort, relayPort] = [await freePort(), await freePort()];
    plane.#registryUrl = `https://localhost:${registryPort}`;
    const shared = ['--presence-secret-file', plane.#path('presence-secret'), '--tls-dir', plane.#path('tls')];
    await plane.#serve([
      ...['registry', '--listen', `127.0.0.1:${registryPort}`, '--relay-url', `wss://localhost:${relayPort}`],
      ...['--directory-file', plane.#path('directory.json'), '--ticket-keys-file', plane.#path('ticket-keys.json')],
      ...shared,
    ]);
    await plane.#serve([
      ...['relay', '--listen', `127.0.0.1:${relayPort}`, '--registry-url', plane.#registryUrl],
      ...['--ca-file', plane.#path('tls', 'ca.crt')],
      ...shared,
    ]);
    return plane;
  }

  private constructor(program: readonly string[]) {
    this.#program = program;
  }

  /** Started as its pod starts it. Its exec-server is not there: an idle sidecar does not ask it. */
  executor(): Promise<ServiceProcess> {
    const [node = '', program = ''] = this.#program;
    return ServiceProcess.start([
      ...[node, ...SIDECAR_COMMAND.slice(1, -1), program],
      ...['executor', '--environment-id', ENVIRONMENT, '--registry-url', this.#registryUrl],
      ...[
        '--ca-file',
        this.#path('tls', 'ca.crt'),
        '--token-file',
        this.#path('executor-token'),
        '--keys-dir',
        this.#path('keys'),
      ],
      ...['--state-dir', this.#path('state'), '--exec-server-url', 'ws://127.0.0.1:9'],
    ]);
  }

  async close(): Promise<void> {
    for (const service of this.#services.toReversed()) await service.stop();
    rmSync(this.#folder, { recursive: true });
  }

  async #serve(args: readonly string[]): Promise<void> {
    const service = await ServiceProcess.start([...this.#program, ...args]);
    this.#services.push(service);
    await service.ready();
  }

  #path(...parts: readonly string[]): string {
    return join(this.#folder, ...parts);
  }

  async #writeFiles(): Promise<void> {
    for (const name of ['keys', 'state', 'tls']) mkdirSync(this.#path(name), { mode: 0o700 });
    const now = Date.now();
    const authority = await generateAuthority({ name: 'bench', now, lifeMs: DAY_MS });
    const leaf = await issueLeaf(authority, { hosts: ['localhost'], now, lifeMs: DAY_MS });
    this.#write('tls/ca.crt', authority.certificate);
    this.#write('tls/tls.crt', leaf.certificate);
    this.#write('tls/tls.key', leaf.privateKey);
    await createTicketKeysFile(this.#path('ticket-keys.json'));
    this.#write('presence-secret', secret());
    const token = secret();
    this.#write('executor-token', token);
    const { publicKey } = createKeyFile(this.#path('keys', 'k1.json'));
    const directory: DirectoryFile = {
      version: 1,
      environments: [
        {
          id: ENVIRONMENT,
          runtime: 'BuiltIn',
          incarnation: 'bench',
          executorTokenSha256: [createHash('sha256').update(token).digest('hex')],
          keys: [{ id: 'k1', fingerprint: fingerprintOf(publicKey), state: 'Active' }],
        },
      ],
      identities: [],
      grants: [],
    };
    this.#write('directory.json', JSON.stringify(directory));
  }

  #write(name: string, text: string): void {
    writeFileSync(this.#path(name), text, { mode: 0o600 });
  }
}

function secret(): string {
  return randomBytes(24).toString('base64url');
}
