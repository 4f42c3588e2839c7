import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { ClusterAccess } from '../global-setup.ts';

/** What a command printed so far is kept for messages; it prints a word a second. */
const MOST_LINES_KEPT = 500;

/** `kubectl ARGS` that goes on: its lines as they come, and its end. */
export class RunningCommand {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #looks = new Set<() => void>();
  #exitCode: number | undefined;
  /** Of every line, also of standard error. */
  #count = 0;

  constructor({ kubectl, kubeconfig }: ClusterAccess, args: readonly string[]) {
    this.#child = spawn(kubectl, ['--kubeconfig', kubeconfig, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface(stream).on('line', (line) => this.#take(line));
    }
    this.#child.once('close', (code) => {
      this.#exitCode = code ?? 1;
      this.#look();
    });
  }

  get running(): boolean {
    return this.#exitCode === undefined;
  }

  get output(): string {
    return this.#lines.join('\n');
  }

  /** The first line that matches, of those that came and those that come; rejects when the command ends before. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      for (const line of this.#lines) {
        const match = pattern.exec(line);
        if (match !== null) return match;
      }
      if (!this.running)
        throw new Error(`it ended with ${this.#exitCode} before it printed ${pattern}:\n${this.output}`);
      await this.#news();
    }
  }

  /** So many lines more than now: proof that it goes on. */
  async moreLines(count: number): Promise<void> {
    const until = this.#count + count;
    while (this.#count < until) {
      if (!this.running) throw new Error(`it ended with ${this.#exitCode} and should go on:\n${this.output}`);
      await this.#news();
    }
  }

  /** Its exit code. */
  async ended(): Promise<number> {
    while (this.#exitCode === undefined) await this.#news();
    return this.#exitCode;
  }

  async stop(): Promise<void> {
    if (this.running) this.#child.kill('SIGTERM');
    await this.ended();
  }

  #take(line: string): void {
    this.#count += 1;
    this.#lines.push(line);
    if (this.#lines.length > MOST_LINES_KEPT) this.#lines.splice(0, MOST_LINES_KEPT / 2);
    this.#look();
  }

  #look(): void {
    for (const look of this.#looks) look();
    this.#looks.clear();
  }

  #news(): Promise<void> {
    return new Promise((resolve) => this.#looks.add(resolve));
  }
}
