import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutorStatus } from '../../api/index.ts';
import type { ReadyFile } from '../ready-file.ts';
import { eventually } from './eventually.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.mjs', import.meta.url));
const SAMPLES = fileURLToPath(new URL('../../../config/samples/dev', import.meta.url));

/** In the environment of `dev`, and nowhere below it. */
export const FOREIGN_SECRET = 'a-secret-of-somebody-else';

interface RunningPart {
  readonly pid: number;
  readonly url?: string;
  readonly adminUrl?: string;
  readonly log: string;
}

export interface Processes {
  readonly registry: RunningPart;
  readonly relay: RunningPart;
  readonly executors: Readonly<Record<string, { readonly sidecar: RunningPart; readonly execServer: RunningPart }>>;
}

/** A real `noisefleet dev` with a state directory and a copy of the samples of its own. */
export class DevProcess {
  readonly folder = mkdtempSync(join(tmpdir(), 'noisefleet-dev-'));
  readonly manifests = join(this.folder, 'manifests');
  readonly state = join(this.folder, 'state');
  readonly readyFile = join(this.folder, 'ready.json');
  output = '';
  #child: ChildProcess | undefined;

  constructor() {
    mkdirSync(this.manifests);
    cpSync(SAMPLES, this.manifests, { recursive: true });
    this.edit('executor.yaml', (text) => text.replaceAll('/tmp/noisefleet', join(this.folder, 'workspace')));
  }

  start(...args: string[]): this {
    const own = ['--state-dir', this.state, '--ready-file', this.readyFile, this.manifests];
    const env = { ...process.env, HOME: this.folder, FOREIGN_SECRET };
    const child = spawn(process.execPath, [MAIN, 'dev', ...own, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.#child = child;
    return this;
  }

  get child(): ChildProcess {
    if (this.#child === undefined) throw new Error('start it first');
    return this.#child;
  }

  /** @throws Error with the output when `dev` ends before it is ready */
  async ready(): Promise<ReadyFile> {
    return eventually(() => {
      if (this.child.exitCode !== null) throw new Error(`dev ended with ${this.child.exitCode}:\n${this.output}`);
      return this.readyNow();
    });
  }

  readyNow(): ReadyFile | undefined {
    return readJson(this.readyFile);
  }

  processes(): Processes | undefined {
    return readJson(join(this.state, 'processes.json'));
  }

  /** What is remembered of an executor's keys. */
  status(environmentId: string): ExecutorStatus | undefined {
    return readJson(join(this.state, 'executors', environmentId, 'status.json'));
  }

  /** Every pid below `dev`. */
  async pids(): Promise<number[]> {
    const { registry, relay, executors } = await eventually(() => this.processes());
    const pairs = Object.values(executors).flatMap(({ sidecar, execServer }) => [sidecar, execServer]);
    return [registry, relay, ...pairs].map(({ pid }) => pid);
  }

  edit(file: string, change: (text: string) => string): void {
    const path = join(this.manifests, file);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  }

  async signal(name: NodeJS.Signals): Promise<number | null> {
    const gone = once(this.child, 'exit');
    this.child.kill(name);
    const [code] = await gone;
    return code;
  }

  async exited(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close');
    return this.child.exitCode;
  }

  /** Ends it if it still runs, and takes its files away. */
  async dispose(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) await this.signal('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Undefined while the file is not there. Files here are replaced as a whole, so what is there is JSON. */
function readJson<Content>(path: string): Content | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw error;
    return undefined;
  }
}
