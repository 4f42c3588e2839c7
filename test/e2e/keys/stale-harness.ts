import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { bundleOf } from '../bundle.ts';
import type { KeyFleet } from './key-fleet.ts';

const PROGRAM = 'stale.mjs';
const first = z.strictObject({ first: z.string() });
const later = z.strictObject({ withOldKey: z.string(), withNewKey: z.string() });

/** A harness that still has the executor's public key of before. */
export class StaleHarness {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new TypeError('started with a pipe for its output');
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** In a client Pod with `staleProgram`. Resolves when it has been accepted under the key that serves now. */
  static async start(fleet: KeyFleet, pod: string): Promise<StaleHarness> {
    const program = ['node', `/files/${PROGRAM}`, fleet.address.registryURL, fleet.environmentId];
    const command = ['exec', '-i', pod, '--', 'env', 'NODE_EXTRA_CA_CERTS=/ca/ca.pem', ...program];
    const stale = new StaleHarness(fleet.kubectl.start(command));
    const { first: outcome } = first.parse(JSON.parse(await stale.#next()));
    if (outcome !== 'accepted') throw new Error(`a harness with the key of now: ${outcome}`);
    return stale;
  }

  /** How it is answered now: under the key of then, and under the one that it is given. */
  async tryAgain(): Promise<z.infer<typeof later>> {
    this.#child.stdin?.write('again\n');
    return later.parse(JSON.parse(await this.#next()));
  }

  stop(): void {
    this.#child.kill();
  }

  async #next(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the program of the stale harness ended');
    return value;
  }
}

/** Files for a client Pod. */
export async function staleProgram(): Promise<Record<string, string>> {
  return { [PROGRAM]: await bundleOf(join(import.meta.dirname, 'stale-in-pod.ts')) };
}
