import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { cluster } from './cluster-fixture.ts';
import { Kubectl } from './kubectl.ts';
import { RELEASE } from './product.ts';
import { PRODUCT_IMAGE } from './product-image.ts';

/** What `packaging/build.ts` has made: the program that is in the image. */
const PROGRAM = join(dirname(dirname(import.meta.dirname)), 'dist/app/main.js');

/** Where the operators of a run tell how they are, one after the other; below the ports that the kernel gives out. */
const FIRST_PORT = 21_080;
/** How often one is asked. Milliseconds. */
const LOOK_MS = 50;

const OPERATOR = 'noisefleet-operator';

const kubeconfig = z.looseObject({ clusters: z.array(z.unknown()).min(1) });

/** Ways to start the operator as a process of this machine, with exactly the rights of the chart's ServiceAccount. */
export class OperatorAccount {
  readonly #folder: string;
  readonly #processes = new Set<OperatorProcess>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(): Promise<OperatorAccount> {
    const kubectl = new Kubectl(cluster(), RELEASE);
    const token = (await kubectl.run(['create', 'token', OPERATOR, '--duration=1h'])).trim();
    const { clusters } = kubeconfig.parse(JSON.parse(await kubectl.run(['config', 'view', '--raw', '-o', 'json'])));
    const folder = mkdtempSync(join(tmpdir(), 'noisefleet-operator-'));
    const [first] = clusters.map((each) => ({ ...Object(each), name: 'e2e' }));
    const config = {
      ...{ apiVersion: 'v1', kind: 'Config', clusters: [first], users: [{ name: OPERATOR, user: { token } }] },
      contexts: [{ name: 'e2e', context: { cluster: 'e2e', user: OPERATOR, namespace: RELEASE } }],
      'current-context': 'e2e',
    };
    writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(config), { mode: 0o600 });
    return new OperatorAccount(folder);
  }

  start(identity: string): OperatorProcess {
    const port = FIRST_PORT + this.#processes.size;
    const started = new OperatorProcess({ config: join(this.#folder, 'kubeconfig'), identity, port });
    this.#processes.add(started);
    return started;
  }

  /** Ends what still runs. */
  async close(): Promise<void> {
    await Promise.all([...this.#processes].map((each) => each.kill()));
    rmSync(this.#folder, { recursive: true });
  }
}

/** One life of the operator. */
class OperatorProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #readyz: string;
  /** Resolves when it leads for the first time; rejects when it ends before. */
  readonly leading: Promise<void>;

  constructor({ config, identity, port }: { config: string; identity: string; port: number }) {
    const admin = `127.0.0.1:${port}`;
    this.#readyz = `http://${admin}/readyz`;
    const flags = ['--kubeconfig', config, '--image', PRODUCT_IMAGE, '--identity', identity, '--admin-listen', admin];
    this.#child = spawn(process.execPath, [PROGRAM, 'operator', ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#exited = once(this.#child, 'exit');
    this.leading = this.#said('"leading"');
    this.leading.catch(() => {}); // who waits for it hears of it
  }

  /** Resolves when it has read everything, whether it leads or not. */
  async ready(): Promise<void> {
    while (this.#child.exitCode === null) {
      const answer = await fetch(this.#readyz).catch(() => undefined);
      if (answer?.ok) return;
      await pause(LOOK_MS);
    }
    throw new Error('the operator ended before it was ready');
  }

  /** The kernel ends it between two instructions. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** Asks it to end, and waits until it has. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#exited;
  }

  async #said(text: string): Promise<void> {
    const said: string[] = [];
    for await (const line of createInterface({ input: this.#child.stderr ?? process.stdin })) {
      if (line.includes(text)) {
        this.#child.stderr?.resume();
        return;
      }
      said.push(line);
    }
    throw new Error(`the operator ended before it led: ${said.slice(-10).join('\n')}`);
  }
}
