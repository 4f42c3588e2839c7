import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Place } from './network.ts';

/** Over its standard input: a secret belongs into no argument. */
export interface ForgerOrders {
  readonly listen: { readonly host: string; readonly port: number };
  readonly registryUrl: string;
  readonly secret: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent one after the other once the registry has said hello. */
  readonly messages: readonly object[];
}

export type ForgerReport =
  | { readonly type: 'listening' | 'visited' }
  | { readonly type: 'heard'; readonly what: string }
  | { readonly type: 'failed'; readonly why: string }
  /** The presence connection. */
  | { readonly type: 'closed'; readonly code: number };

/** Somebody who is no relay of ours, on a host of his own. He takes every connection and answers none. */
export class Forger {
  readonly reports: ForgerReport[] = [];
  readonly place: Place;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();

  constructor(place: Place, orders: Omit<ForgerOrders, 'listen'>, port: number) {
    this.place = place;
    const [file = '', ...args] = place.inside([process.execPath, join(import.meta.dirname, 'forger-process.ts')]);
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('no standard output');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.reports.push(JSON.parse(line));
      for (const wake of this.#waiting) wake();
    });
    const listen = { host: place.address, port };
    this.#child.stdin?.write(`${JSON.stringify({ ...orders, listen } satisfies ForgerOrders)}\n`);
  }

  get visits(): number {
    return this.reports.filter(({ type }) => type === 'visited').length;
  }

  /** The first report of this kind, of those that came or will come. */
  async says<Type extends ForgerReport['type']>(type: Type): Promise<Extract<ForgerReport, { type: Type }>> {
    const isIt = (report: ForgerReport): report is Extract<ForgerReport, { type: Type }> => report.type === type;
    for (;;) {
      const found = this.reports.find(isIt);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
    this.place.remove();
  }
}
