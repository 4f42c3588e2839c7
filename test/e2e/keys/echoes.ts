import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bundleOf } from '../bundle.ts';
import type { Kubectl } from '../kubectl.ts';
import { type Answer, answer, type Order, type SessionEnd } from './echo-protocol.ts';

const PROGRAM = 'echo.mjs';

/** Sessions from one client Pod, each with data both ways, and what becomes of them. */
export class Echoes {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #fingerprints: readonly string[] = [];
  #stderr = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    if (child.stdout === null) throw new TypeError('started with a pipe for its output');
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** In a client Pod with `echoProgram`. Resolves when every session is open. */
  static async start(kubectl: Kubectl, pod: string, order: Order): Promise<Echoes> {
    const command = ['env', 'NODE_EXTRA_CA_CERTS=/ca/ca.pem', 'node', `/files/${PROGRAM}`, JSON.stringify(order)];
    const echoes = new Echoes(kubectl.start(['exec', '-i', pod, '--', ...command]));
    echoes.#fingerprints = (await echoes.#next('streaming')).fingerprints;
    return echoes;
  }

  /** Of the executor's key that each session was given. */
  get fingerprints(): readonly string[] {
    return this.#fingerprints;
  }

  /** Which keys new harnesses were given, each with the first time, and what those met that were given none. */
  async served(): Promise<Extract<Answer, { type: 'served' }>> {
    this.#child.stdin?.write('served\n');
    return this.#next('served');
  }

  /** When each session was cut, of those that were. */
  async cuts(): Promise<readonly number[]> {
    this.#child.stdin?.write('cuts\n');
    return (await this.#next('cuts')).at;
  }

  /** When the last block of each session has come back, or it cannot any more. */
  async end(): Promise<readonly SessionEnd[]> {
    this.#child.stdin?.write('end\n');
    return (await this.#next('end')).sessions;
  }

  stop(): void {
    this.#child.kill();
  }

  async #next<Type extends Answer['type']>(type: Type): Promise<Extract<Answer, { type: Type }>> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`the echoes' program ended: ${this.#stderr.slice(-4000)}`);
    const next = answer.parse(JSON.parse(value));
    if (!isOf(next, type)) throw new Error(`the echoes' program said ${next.type} where it was asked for ${type}`);
    return next;
  }
}

function isOf<Type extends Answer['type']>(next: Answer, type: Type): next is Extract<Answer, { type: Type }> {
  return next.type === type;
}

/** Files for a client Pod. */
export async function echoProgram(): Promise<Record<string, string>> {
  return { [PROGRAM]: await bundleOf(join(import.meta.dirname, 'echo-in-pod.ts')) };
}
