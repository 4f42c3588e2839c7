import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** Between two looks at a probe. Milliseconds. */
const LOOK_MS = 20;
/** A part that is not ready by then never will be, however busy the machine. Milliseconds. */
const READY_LIMIT_MS = 60_000;
/** The kubelet's own: a probe without an answer by then has failed. Milliseconds. */
const PROBE_TIMEOUT_MS = 1_000;

export interface PartOptions {
  readonly name: string;
  readonly command: readonly string[];
  /** `HOST:PORT` of its admin listener. */
  readonly admin: string;
  readonly logFile: string;
  readonly cwd?: string;
}

/** One part of the product in a process of its own, watched from outside as a kubelet does. */
export class Part {
  readonly name: string;
  readonly admin: string;
  readonly #child: ChildProcess;
  readonly #logFile: string;
  readonly exited: Promise<unknown>;

  constructor({ name, command: [file = '', ...args], admin, logFile, cwd }: PartOptions) {
    this.name = name;
    this.admin = admin;
    this.#logFile = logFile;
    const log = openSync(logFile, 'a', 0o600);
    // Standard input stays open as long as we live: a part ends with a rig that was killed.
    this.#child = spawn(file, args, { stdio: ['pipe', log, log], ...(cwd !== undefined && { cwd }) });
    closeSync(log);
    this.exited = once(this.#child, 'exit');
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  async ready(): Promise<void> {
    const giveUpAt = performance.now() + READY_LIMIT_MS;
    while ((await this.ask('/readyz')).status !== 200) {
      if (!this.running) throw new Error(`${this.name} ended before it was ready:\n${this.log()}`);
      if (performance.now() > giveUpAt) {
        throw new Error(`${this.name} is not ready: ${(await this.ask('/readyz')).body}\n${this.log()}`);
      }
      await delay(LOOK_MS);
    }
  }

  ask(path: string): Promise<Answer> {
    return ask(`http://${this.admin}${path}`);
  }

  signal(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  /** Asks it to end, and waits. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.signal('SIGTERM');
    await this.exited;
  }

  async kill(): Promise<void> {
    if (!this.running) return;
    this.signal('SIGKILL');
    await this.exited;
  }

  /** Open file descriptors. */
  descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }
}

export interface Answer {
  /** 0 while nobody answers. */
  readonly status: number;
  readonly body: string;
}

/** One probe. */
export function ask(url: string): Promise<Answer> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: PROBE_TIMEOUT_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', () => resolve({ status: 0, body: '' }));
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', () => resolve({ status: 0, body: '' }));
  });
}
