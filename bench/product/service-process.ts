import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../src/dev/state/free-port.ts';

/** Between two looks at a probe: what a time can be wrong by. Milliseconds. */
const LOOK_MS = 5;

/** A service that is not ready by then never will be. Milliseconds. */
const READY_LIMIT_MS = 60_000;

/** A long-running part of the product in a process of its own, watched by its admin listener. */
export class ServiceProcess {
  readonly #child: ChildProcess;
  readonly #admin: string;
  readonly #startedAt = performance.now();
  readonly exited: Promise<unknown>;

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** `command`: program and arguments; `--admin-listen` and `--log-level` are added. */
  static async start([program = '', ...args]: readonly string[]): Promise<ServiceProcess> {
    const admin = `127.0.0.1:${await freePort()}`;
    const child = spawn(program, [...args, '--admin-listen', admin, '--log-level', 'warn'], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    return new ServiceProcess(child, admin);
  }

  private constructor(child: ChildProcess, admin: string) {
    this.#child = child;
    this.#admin = admin;
    this.exited = once(child, 'exit');
  }

  /** @returns milliseconds from the start of the process until `/readyz` said yes */
  async ready(): Promise<number> {
    for (;;) {
      const took = performance.now() - this.#startedAt;
      if ((await this.ask('/readyz')).status === 200) return performance.now() - this.#startedAt;
      if (this.#child.exitCode !== null) throw new Error(`it ended with ${this.#child.exitCode} before it was ready`);
      if (took > READY_LIMIT_MS) throw new Error(`not ready: ${(await this.ask('/readyz')).body.trim()}`);
      await delay(LOOK_MS);
    }
  }

  /** Status 0 while nobody listens. */
  ask(path: string): Promise<{ status: number; body: string }> {
    return new Promise((resolve) => {
      const request = get(`http://${this.#admin}${path}`, { agent: false }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        response.on('error', () => resolve({ status: 0, body: '' }));
      });
      request.on('error', () => resolve({ status: 0, body: '' }));
    });
  }

  /** Resident set as the kernel counts it (proc_pid_status(5), VmRSS), in megabytes of 1,000,000 bytes. */
  residentMegabytes(): number {
    return residentMegabytes(this.#child.pid);
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#child.kill(signal);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.kill('SIGTERM');
      await this.exited;
    }
  }
}

export function residentMegabytes(pid: number | undefined): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kilobytes) * 1024) / 1e6;
}
