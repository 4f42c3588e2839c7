import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanEnvironment, giveAway, makeFolder, withoutPrivileges } from '../interop/user.ts';

const program = join(import.meta.dirname, '../../src/cli/main.mjs');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs on the outside host. */
export interface OutsideCommand {
  readonly process: ChildProcess;
  /** What it has said so far on standard error. */
  stderr(): string;
  ended: Promise<Ended>;
}

/**
 * A machine that is no part of the cluster: it reaches Services by their addresses, as a route into a cluster gives, and knows their names from
 * its hosts file. It runs `noisefleet` as a user without privileges. The node's own network stands for it.
 */
export class OutsideHost {
  readonly #folder = mkdtempSync(join(tmpdir(), 'noisefleet-outside-'));
  readonly #home = join(this.#folder, 'home');
  readonly #running: ChildProcess[] = [];

  /** `names`: address by host name. */
  constructor(names: Readonly<Record<string, string>>) {
    giveAway(this.#folder);
    makeFolder(this.#home);
    makeFolder(join(this.#home, 'tmp'));
    const lines = Object.entries(names).map(([name, address]) => `${address} ${name}\n`);
    writeFileSync(this.path('hosts'), ['127.0.0.1 localhost\n', ...lines].join(''), { mode: 0o644 });
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  /** A file that only this host's user may read. */
  write(name: string, text: string): string {
    writeFileSync(this.path(name), text, { mode: 0o600 });
    giveAway(this.path(name));
    return this.path(name);
  }

  noisefleet(...args: readonly string[]): OutsideCommand {
    const isRoot = process.getuid?.() === 0;
    const namespaces = isRoot ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
    const prepare = 'mount --bind "$1" /etc/hosts && shift && exec "$@"';
    const command = withoutPrivileges([process.execPath, program, ...args]);
    const all = [...namespaces, 'sh', '-c', prepare, 'sh', this.path('hosts'), ...command];
    const env = cleanEnvironment(this.#home, { CODEX_HOME: this.#home });
    const child = spawn('unshare', all, { env, cwd: this.#home, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#running.push(child);
    const said = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said.stderr += text;
    });
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, ...said }));
    });
    return { process: child, stderr: () => said.stderr, ended };
  }

  async stop(): Promise<void> {
    const left = this.#running.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    await Promise.all(
      left.map((child) => {
        const gone = new Promise((resolve) => child.once('close', resolve));
        child.kill('SIGTERM');
        return gone;
      }),
    );
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
