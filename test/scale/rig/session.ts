import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Harness, type RemoteProcess } from '../../../src/harness/index.ts';
import type { FromClients, SessionPlan, SessionReport } from './messages.ts';

/** A silence that is told: this, and at least so many times what the session leaves between two lines. Milliseconds. */
const GAP_MS = 100;
const GAP_LINES = 2;

/** What was on its way when something broke has arrived by then. Milliseconds. */
const IN_FLIGHT_MS = 1_000;

/**
 * Prints numbered lines until a line comes on its standard input. `read` is its clock: a `sleep` for each line of a hundred sessions would
 * be the load.
 */
const PRINTING = `
i=0
while :; do
  i=$((i + 1))
  printf '%d %s\\n' "$i" "$1"
  read -r -t "$2" _
  [ $? -le 128 ] && break
done
printf 'end %d\\n' "$i"
`;

/** Tells the sum of the lines that came, up to a line that says so: an executor of the protocol knows no end of input. */
const SUMMING = `while IFS= read -r line; do [ "$line" = end ] && break; printf '%s\\n' "$line"; done | sha256sum`;

/** The longest that a command may take to tell its end: the pause in which a client looks for its session, and some. */
const END_LIMIT_MS = 60_000;

/** One session of our own client: a command whose output is numbered, and perhaps one that is fed. Reports what came of both. */
export class StormSession {
  readonly #plan: SessionPlan;
  readonly #tell: (message: FromClients) => void;
  readonly #padding: string;
  #finishing = false;
  #harness: Harness | undefined;
  #connections = 0;
  #look: { readonly number: number; readonly from: number } | undefined;

  constructor(plan: SessionPlan, tell: (message: FromClients) => void) {
    this.#plan = plan;
    this.#tell = tell;
    this.#padding = 'x'.repeat(plan.lineLength);
  }

  /** Tells the first output that comes in a while from now: then the session is well, whatever was before. */
  look(number: number): void {
    this.#look = { number, from: Date.now() + IN_FLIGHT_MS };
  }

  finish(): void {
    this.#finishing = true;
  }

  /** From the first connection to the report. Never throws. */
  async run(): Promise<void> {
    let report: SessionReport;
    try {
      report = await this.#run();
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      report = { ...this.#blank(), problem, inputProblem: undefined };
    }
    this.#harness?.close();
    this.#tell({ type: 'report', report });
  }

  async #run(): Promise<SessionReport> {
    const { environmentId, registryUrl, token, input, lineEveryMs, id } = this.#plan;
    this.#harness = await Harness.connect({
      environmentId,
      registryUrl,
      credential: async () => token,
      onEvent: (event) => {
        if (event.type === 'attached') this.#connections += 1;
        const code = 'error' in event ? { code: event.error.code } : {};
        this.#tell({ type: 'transition', transition: { id, at: Date.now(), event: event.type, ...code } });
      },
    });
    const pause = String(lineEveryMs / 1000);
    const printing = await this.#harness.exec({
      argv: ['bash', '-c', PRINTING, 'bash', this.#padding, pause],
      stdin: true,
    });
    const summing = input ? await this.#harness.exec({ argv: ['bash', '-c', SUMMING], stdin: true }) : undefined;
    const output = this.#check(printing);
    const fed = summing && this.#feed(summing);
    const [printed, given] = await Promise.all([output, fed]);
    return {
      ...this.#blank(),
      ...printed,
      inputLines: given?.lines ?? 0,
      inputProblem: given?.problem,
      connections: this.#connections,
    };
  }

  #blank() {
    return { id: this.#plan.id, lines: 0, bytes: 0, inputLines: 0, connections: this.#connections };
  }

  /** Line by line, so that the first wrong one is told, and by the sum over everything. */
  async #check(printing: RemoteProcess): Promise<{ lines: number; bytes: number; problem: string | undefined }> {
    printing.stderr.resume();
    void this.#endInTime(printing);
    const sum = createHash('sha256');
    let lines = 0;
    let bytes = 0;
    let rest = '';
    let problem: string | undefined;
    let last = Date.now();
    for await (const chunk of printing.stdout) {
      last = this.#heard(last, lines);
      bytes += chunk.length;
      sum.update(chunk);
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) {
        if (line.startsWith('end ')) {
          if (line !== `end ${lines}`) problem ??= `it says "${line}" after line ${lines}`;
          continue;
        }
        lines += 1;
        if (line !== this.#line(lines)) problem ??= `line ${lines} is "${line.slice(0, 40)}"`;
      }
    }
    const { exitCode } = await printing.closed;
    if (exitCode !== 0) problem ??= `it ended with ${exitCode}`;
    if (sum.digest('hex') !== this.#sumOf(lines)) problem ??= `the sum over ${lines} lines is another`;
    return { lines, bytes, problem };
  }

  /** @returns now */
  #heard(last: number, lines: number): number {
    const { id, lineEveryMs } = this.#plan;
    const now = Date.now();
    const silence = now - last > Math.max(GAP_MS, GAP_LINES * lineEveryMs);
    if (lines === 0) this.#tell({ type: 'streaming', id });
    else if (silence) this.#tell({ type: 'gap', gap: { id, from: last, milliseconds: now - last } });
    if (this.#look !== undefined && now >= this.#look.from) {
      this.#tell({ type: 'heard', id, number: this.#look.number });
      this.#look = undefined;
    }
    return now;
  }

  async #endInTime(printing: RemoteProcess): Promise<void> {
    while (!this.#finishing) await delay(this.#plan.lineEveryMs);
    const giveUp = AbortSignal.timeout(END_LIMIT_MS);
    giveUp.addEventListener('abort', () => printing.stdout.destroy(new Error('it did not end')));
    await printing.write(Buffer.from('stop\n')).catch((error: unknown) => printing.stdout.destroy(asError(error)));
  }

  async #feed(summing: RemoteProcess): Promise<{ lines: number; problem: string | undefined }> {
    summing.stderr.resume();
    const sum = createHash('sha256');
    let lines = 0;
    while (!this.#finishing) {
      lines += 1;
      const line = Buffer.from(`${this.#line(lines)}\n`);
      sum.update(line);
      await summing.write(line);
      await delay(this.#plan.lineEveryMs);
    }
    await summing.write(Buffer.from('end\n'));
    const chunks: Buffer[] = [];
    summing.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(summing.stdout, 'end');
    const [got] = Buffer.concat(chunks).toString().split(' ');
    return {
      lines,
      problem: got === sum.digest('hex') ? undefined : `the sum over ${lines} lines of input is another`,
    };
  }

  #line(number: number): string {
    return `${number} ${this.#padding}`;
  }

  #sumOf(lines: number): string {
    const sum = createHash('sha256');
    for (let number = 1; number <= lines; number += 1) sum.update(`${this.#line(number)}\n`);
    return sum.update(`end ${lines}\n`).digest('hex');
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
