import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Kubectl } from './kubectl.ts';

/** A bundled program in a client Pod: questions are lines of its input, answers lines of JSON of its output. */
export class ProgramInPod<Answer extends { readonly type: string }> {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #parse: (value: unknown) => Answer;
  #stderr = '';

  constructor(
    kubectl: Kubectl,
    pod: string,
    { name, command, parse }: { name: string; command: readonly string[]; parse: (value: unknown) => Answer },
  ) {
    this.#name = name;
    this.#parse = parse;
    this.#child = kubectl.start(['exec', '-i', pod, '--', ...command]);
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    if (this.#child.stdout === null) throw new TypeError('started with a pipe for its output');
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** A question is the type of its answer. */
  ask<Type extends Answer['type']>(type: Type): Promise<Extract<Answer, { type: Type }>> {
    this.#child.stdin?.write(`${type}\n`);
    return this.next(type);
  }

  /** The next line that it says. */
  async next<Type extends Answer['type']>(type: Type): Promise<Extract<Answer, { type: Type }>> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`${this.#name} ended: ${this.#stderr.slice(-4000)}`);
    const next = this.#parse(JSON.parse(value));
    if (!isOf(next, type)) throw new Error(`${this.#name} said ${next.type} where it was asked for ${type}`);
    return next;
  }

  stop(): void {
    this.#child.kill();
  }
}

function isOf<Answer extends { readonly type: string }, Type extends Answer['type']>(
  next: Answer,
  type: Type,
): next is Extract<Answer, { type: Type }> {
  return next.type === type;
}
