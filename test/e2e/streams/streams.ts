import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bundleOf } from '../bundle.ts';
import type { Kubectl } from '../kubectl.ts';
import { type Answer, answer, type Order, type Window } from './protocol.ts';

/** The program's name among the files of the client Pod. */
const PROGRAM = 'streams.mjs';

/** Sessions with streams from one client Pod, and what becomes of them. */
export class Streams {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #stderr = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    if (child.stdout === null) throw new TypeError('started with a pipe for its output');
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** In a client Pod with `streamsProgram`. Resolves when every session has got something. */
  static async start(kubectl: Kubectl, pod: string, order: Order): Promise<Streams> {
    const command = ['node', `/files/${PROGRAM}`, JSON.stringify(order)];
    const streams = new Streams(kubectl.start(['exec', '-i', pod, '--', ...command]));
    await streams.#next('streaming');
    return streams;
  }

  /** What happened since the last look; printed, for whoever wants to know how it felt. */
  async look(what: string): Promise<Window> {
    this.#child.stdin?.write('window\n');
    const { window } = await this.#next('window');
    const { silencesMs, moved, losses, retries, commandMs } = window;
    const sorted = silencesMs.toSorted((a, b) => a - b);
    const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
    process.stdout.write(
      `  ${what}: ${moved} of ${sorted.length} sessions moved (${losses} connections lost); ` +
        `longest silence p50 ${at(0.5)} p99 ${at(0.99)} max ${sorted.at(-1)} ms; longest short command ${commandMs} ms; attempts that failed: ${JSON.stringify(retries)}\n`,
    );
    return window;
  }

  /** Lets every stream say its last line, and tells how it went. */
  async end(): Promise<Extract<Answer, { type: 'end' }>> {
    this.#child.stdin?.write('end\n');
    return this.#next('end');
  }

  stop(): void {
    this.#child.kill();
  }

  async #next<Type extends Answer['type']>(type: Type): Promise<Extract<Answer, { type: Type }>> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`the streams' program ended: ${this.#stderr.slice(-4000)}`);
    const next = answer.parse(JSON.parse(value));
    if (!isOf(next, type)) throw new Error(`the streams' program said ${next.type} where it was asked for ${type}`);
    return next;
  }
}

function isOf<Type extends Answer['type']>(next: Answer, type: Type): next is Extract<Answer, { type: Type }> {
  return next.type === type;
}

/** Files for a client Pod. */
export async function streamsProgram(): Promise<Record<string, string>> {
  return { [PROGRAM]: await bundleOf(join(import.meta.dirname, 'client-in-pod.ts')) };
}
