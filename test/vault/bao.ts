import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../src/dev/state/free-port.ts';
import { places } from '../cluster/places.ts';

/** How long OpenBao takes to come up on a busy machine, at most. Milliseconds. */
const PATIENCE_MS = 60_000;

export interface BaoAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** A real OpenBao on loopback, with TLS and storage on disk, and its root token for whoever plays its administrator. */
export class Bao {
  readonly folder: string;
  readonly address: string;
  readonly ca: string;
  #process: ChildProcess | undefined;
  #rootToken = '';
  #unsealKey = '';
  #isReadOnly = false;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.address = `https://127.0.0.1:${port}`;
    this.ca = readFileSync(join(folder, 'ca.crt'), 'utf8');
  }

  /** Started, initialised and unsealed, with a KV engine of version 2 at `kv/` and Kubernetes auth. */
  static async start(): Promise<Bao> {
    const bao = await Bao.startBare();
    await bao.must('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } });
    await bao.must('POST', 'sys/auth/kubernetes', { type: 'kubernetes' });
    await bao.hasEngine();
    return bao;
  }

  /** Started, initialised and unsealed, and no more. Its certificate is for loopback and for these addresses. */
  static async startBare(addresses: readonly string[] = []): Promise<Bao> {
    const folder = mkdtempSync(join(tmpdir(), 'noisefleet-bao-'));
    makeCertificate(folder, ['127.0.0.1', ...addresses]);
    const port = await freePort();
    const bao = new Bao(folder, port);
    mkdirSync(bao.data);
    writeFileSync(join(folder, 'config.hcl'), configuration(folder, port));
    await bao.run();
    const keys = await bao.root('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
    bao.#rootToken = text(keys.body, 'root_token');
    bao.#unsealKey = text(Reflect.get(Object(keys.body), 'keys_base64'), '0');
    await bao.unseal();
    return bao;
  }

  /** What its own command line needs to be its administrator, with a home of its own: tools leave caches there. */
  get environment(): Readonly<Record<string, string>> {
    return {
      HOME: this.folder,
      BAO_ADDR: this.address,
      BAO_CACERT: join(this.folder, 'ca.crt'),
      BAO_TOKEN: this.#rootToken,
    };
  }

  /** Until the KV engine at `kv/` answers: it upgrades itself after it was mounted. */
  async hasEngine(): Promise<void> {
    await until('the KV engine', async () => (await this.root('LIST', 'kv/metadata/')).status === 404);
  }

  async run(): Promise<void> {
    const process = spawn(program(), ['server', `-config=${join(this.folder, 'config.hcl')}`], {
      stdio: ['ignore', 'ignore', 'ignore'],
      env: { PATH: '/usr/bin:/bin', HOME: this.folder },
    });
    this.#process = process;
    await until('OpenBao', () =>
      this.root('GET', 'sys/seal-status').then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
  }

  /** A power cut: nothing is finished. */
  async kill(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process === undefined || process.exitCode !== null) return;
    const ended = once(process, 'exit');
    process.kill('SIGKILL');
    await ended;
  }

  /** It takes connections and answers none. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  async seal(): Promise<void> {
    await this.must('PUT', 'sys/seal');
  }

  async unseal(): Promise<void> {
    await this.must('PUT', 'sys/unseal', { key: this.#unsealKey });
    await until('OpenBao to be active', async () => (await this.root('GET', 'sys/health')).status === 200);
  }

  /** Where its storage is. */
  get data(): string {
    return join(this.folder, 'data');
  }

  /** Its disk takes no writes, as one does whose errors the kernel has seen. To be called as root. */
  makeReadOnly(): void {
    execFileSync('mount', ['--bind', this.data, this.data]);
    this.#isReadOnly = true;
    execFileSync('mount', ['-o', 'remount,bind,ro', this.data]);
  }

  makeWritable(): void {
    execFileSync('umount', ['--lazy', this.data]);
    this.#isReadOnly = false;
  }

  /** What is on its disk now; what it gives puts that back, as an administrator would. */
  async backUp(): Promise<() => Promise<void>> {
    const [data, copy] = [this.data, join(this.folder, 'backup')];
    await this.kill();
    cpSync(data, copy, { recursive: true });
    await this.run();
    await this.unseal();
    return async () => {
      await this.kill();
      rmSync(data, { recursive: true });
      cpSync(copy, data, { recursive: true });
      await this.run();
      await this.unseal();
    };
  }

  async close(): Promise<void> {
    this.thaw();
    if (this.#isReadOnly) this.makeWritable();
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What the administrator does; fails unless it is done. */
  async must(method: string, path: string, body?: object, namespace?: string): Promise<unknown> {
    const answer = await this.root(method, path, body, namespace);
    if (answer.status < 300) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  /** Names of what is below this path. */
  async list(path: string): Promise<string[]> {
    const { body } = await this.root('LIST', path);
    const keys: unknown = Reflect.get(Object(Reflect.get(Object(body), 'data')), 'keys');
    return Array.isArray(keys) ? keys.map(String) : [];
  }

  root(method: string, path: string, body?: object, namespace?: string): Promise<BaoAnswer> {
    const headers = {
      'X-Vault-Token': this.#rootToken,
      ...(namespace !== undefined && { 'X-Vault-Namespace': namespace }),
    };
    const { promise, resolve, reject } = Promise.withResolvers<BaoAnswer>();
    const call = request(`${this.address}/v1/${path}`, { method, headers, ca: this.ca, agent: false }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () => {
        const whole = Buffer.concat(parts).toString();
        resolve({ status: answer.statusCode ?? 0, body: whole === '' ? undefined : JSON.parse(whole) });
      });
    });
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  }
}

function program(): string {
  const path = join(places().bin, 'bao');
  if (!existsSync(path)) throw new Error('OpenBao is missing: npm run cluster -- build openbao');
  return path;
}

function configuration(folder: string, port: number): string {
  return `
storage "file" { path = "${folder}/data" }
disable_mlock = true
listener "tcp" {
  address       = "127.0.0.1:${port}"
  tls_cert_file = "${folder}/server.crt"
  tls_key_file  = "${folder}/server.key"
}
`;
}

/** An authority of its own, and a leaf for these addresses. */
function makeCertificate(folder: string, addresses: readonly string[]): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...ec, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=test-ca', '-days', '2');
  openssl('req', ...ec, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=bao');
  const names = addresses.map((address) => `IP:${address}`).join();
  writeFileSync(join(folder, 'leaf.cnf'), `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`);
  const signing = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'leaf.cnf'];
  openssl('x509', '-req', '-in', 'server.csr', ...signing, '-out', 'server.crt');
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await pause(20);
  }
}

function text(value: unknown, name: string): string {
  const found: unknown = Reflect.get(Object(value), name);
  if (typeof found !== 'string') throw new Error(`no ${name} in the answer`);
  return found;
}
