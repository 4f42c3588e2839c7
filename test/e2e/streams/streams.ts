import { join } from 'node:path';
import { bundleOf } from '../bundle.ts';
import type { Kubectl } from '../kubectl.ts';
import { ProgramInPod } from '../program-in-pod.ts';
import { type Answer, answer, type Order, type Window } from './protocol.ts';

/** The program's name among the files of the client Pod. */
const PROGRAM = 'streams.mjs';

/** Sessions with streams from one client Pod, and what becomes of them. */
export class Streams {
  readonly #program: ProgramInPod<Answer>;

  private constructor(program: ProgramInPod<Answer>) {
    this.#program = program;
  }

  /** In a client Pod with `streamsProgram`. Resolves when every session has got something. */
  static async start(kubectl: Kubectl, pod: string, order: Order): Promise<Streams> {
    const command = ['node', `/files/${PROGRAM}`, JSON.stringify(order)];
    const program = new ProgramInPod(kubectl, pod, {
      name: 'the streams’ program',
      command,
      parse: (line) => answer.parse(line),
    });
    await program.next('streaming');
    return new Streams(program);
  }

  /** What happened since the last look; printed, for whoever wants to know how it felt. */
  async look(what: string): Promise<Window> {
    const { window } = await this.#program.ask('window');
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
  end(): Promise<Extract<Answer, { type: 'end' }>> {
    return this.#program.ask('end');
  }

  stop(): void {
    this.#program.stop();
  }
}

/** Files for a client Pod. */
export async function streamsProgram(): Promise<Record<string, string>> {
  return { [PROGRAM]: await bundleOf(join(import.meta.dirname, 'client-in-pod.ts')) };
}
