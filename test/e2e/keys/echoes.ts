import { join } from 'node:path';
import { bundleOf } from '../bundle.ts';
import type { Kubectl } from '../kubectl.ts';
import { ProgramInPod } from '../program-in-pod.ts';
import { type Answer, answer, type Order, type SessionEnd } from './echo-protocol.ts';

const PROGRAM = 'echo.mjs';

/** Sessions from one client Pod, each with data both ways, and what becomes of them. */
export class Echoes {
  /** Of the executor's key that each session was given. */
  readonly fingerprints: readonly string[];
  readonly #program: ProgramInPod<Answer>;

  private constructor(program: ProgramInPod<Answer>, fingerprints: readonly string[]) {
    this.#program = program;
    this.fingerprints = fingerprints;
  }

  /** In a client Pod with `echoProgram`. Resolves when every session is open. */
  static async start(kubectl: Kubectl, pod: string, order: Order): Promise<Echoes> {
    const command = ['env', 'NODE_EXTRA_CA_CERTS=/ca/ca.pem', 'node', `/files/${PROGRAM}`, JSON.stringify(order)];
    const program = new ProgramInPod(kubectl, pod, {
      name: 'the echoes’ program',
      command,
      parse: (line) => answer.parse(line),
    });
    return new Echoes(program, (await program.next('streaming')).fingerprints);
  }

  /** Which keys new harnesses were given, each with the first time, and what those met that were given none. */
  served(): Promise<Extract<Answer, { type: 'served' }>> {
    return this.#program.ask('served');
  }

  /** When each session was cut, of those that were. */
  async cuts(): Promise<readonly number[]> {
    return (await this.#program.ask('cuts')).at;
  }

  /** When the last block of each session has come back, or it cannot any more. */
  async end(): Promise<readonly SessionEnd[]> {
    return (await this.#program.ask('end')).sessions;
  }

  stop(): void {
    this.#program.stop();
  }
}

/** Files for a client Pod. */
export async function echoProgram(): Promise<Record<string, string>> {
  return { [PROGRAM]: await bundleOf(join(import.meta.dirname, 'echo-in-pod.ts')) };
}
