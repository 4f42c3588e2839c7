import { join } from 'node:path';
import { bundleOf } from '../bundle.ts';
import type { Kubectl } from '../kubectl.ts';
import { ProgramInPod } from '../program-in-pod.ts';
import { type Answer, type Attempt, answer, type Order } from './attempt.ts';

const PROGRAM = 'asking.mjs';

/** New harnesses all the time, from one client Pod, and what became of each. */
export class Asking {
  readonly #program: ProgramInPod<Answer>;
  /** Of the whole time, by when they asked. */
  readonly attempts: Attempt[] = [];

  private constructor(program: ProgramInPod<Answer>) {
    this.#program = program;
  }

  /** In a client Pod with `askingProgram`. Resolves when they ask. */
  static async start(kubectl: Kubectl, pod: string, order: Order): Promise<Asking> {
    const command = ['env', 'NODE_EXTRA_CA_CERTS=/ca/ca.pem', 'node', `/files/${PROGRAM}`, JSON.stringify(order)];
    const parse = (line: unknown) => answer.parse(line);
    const program = new ProgramInPod<Answer>(kubectl, pod, { name: 'the askers’ program', command, parse });
    await program.next('asking');
    return new Asking(program);
  }

  /** Those that ended since this was asked before. */
  async since(): Promise<readonly Attempt[]> {
    const { attempts } = await this.#program.ask('attempts');
    this.attempts.push(...attempts);
    return attempts;
  }

  stop(): void {
    this.#program.stop();
  }
}

/** Files for a client Pod. */
export async function askingProgram(): Promise<Record<string, string>> {
  return { [PROGRAM]: await bundleOf(join(import.meta.dirname, 'asking-in-pod.ts')) };
}
