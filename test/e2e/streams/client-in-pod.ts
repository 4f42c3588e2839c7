/**
 * Runs in a client Pod, bundled: many sessions of our own client in one process, each with one stream, and beside them one that runs a short command
 * after the other. Told on standard input what to do, it answers in JSON, a line each (`protocol.ts`).
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { Harness, HarnessError, type HarnessOptions } from '../../../src/harness/index.ts';
import { parseEnvironmentId } from '../../../src/wire/index.ts';
import { CheckedStream, type Manner, STREAM } from './checked-stream.ts';
import { type Answer, type CommandCount, order, type SessionEnd, type Window } from './protocol.ts';

/** Dials at once: the rest of a herd at its start waits. */
const OPENING_AT_ONCE = 5;
/** Between two short commands of one executor. Milliseconds. */
const BETWEEN_COMMANDS_MS = 200;
/** Until every stream has said its last line. Milliseconds. */
const END_LIMIT_MS = 60_000;

const { registryURL, caFile, tokenFile, environments, sessions, restless } = order.parse(
  JSON.parse(process.argv[2] ?? ''),
);
const trust = { current: await readFile(caFile, 'utf8') };

/** Its way to the executor, which may be another one after each loss. */
class Way {
  /** Connections that were lost since it was asked last. */
  #losses = 0;
  /** Of the whole time: the session of before was gone. */
  sessionsLost = 0;
  connections = 0;
  readonly #why: string[] = [];
  #retries: string[] = [];

  connect(environment: string): Promise<Harness> {
    const onEvent: HarnessOptions['onEvent'] = (event) => {
      if (event.type === 'disconnected') this.#lost(event.error);
      if (event.type === 'retrying') this.#retries.push(`${event.error.code}: ${event.error.message}`);
      if (event.type !== 'attached') return;
      this.connections += 1;
      if (!event.resumed && this.connections > 1) this.sessionsLost += 1;
    };
    return Harness.connect({
      environmentId: parseEnvironmentId(environment),
      registryUrl: registryURL,
      credential: () => readFile(tokenFile, 'utf8'),
      trust,
      onEvent,
    });
  }

  takeLosses(): number {
    const losses = this.#losses;
    this.#losses = 0;
    return losses;
  }

  takeRetries(): readonly string[] {
    const retries = this.#retries;
    this.#retries = [];
    return retries;
  }

  get why(): Record<string, number> {
    return Object.fromEntries(countsOf(this.#why));
  }

  #lost({ code, message }: HarnessError): void {
    this.#losses += 1;
    this.#why.push(`${code}: ${message}`);
  }
}

/** One session with one stream. */
class StreamSession {
  readonly way = new Way();
  readonly stream = new CheckedStream(performance.now());
  #closed: Promise<unknown> = Promise.resolve();
  #error: string | undefined;

  async open(environment: string, manner: Manner): Promise<void> {
    const harness = await this.way.connect(environment);
    const command = await harness.exec({ argv: ['node', '-e', STREAM, manner] });
    command.stderr.resume();
    command.stdout.on('data', (chunk: Buffer) => this.stream.arrived(chunk, performance.now()));
    this.#closed = command.closed.catch((error: unknown) => {
      this.#error = String(error);
    });
    while (this.stream.lines === 0 && this.#error === undefined) await pause(50);
  }

  async end(): Promise<SessionEnd> {
    await Promise.race([this.#closed, pause(END_LIMIT_MS)]);
    const { connections, sessionsLost, why } = this.way;
    return { verdict: this.#error ?? this.stream.verdict, lines: this.stream.lines, connections, sessionsLost, why };
  }
}

/** Short commands at one executor, each of which leaves its number in a file there. */
class Commands {
  readonly way = new Way();
  /** Its own among the marks of others. */
  readonly #mark = randomBytes(4).toString('hex');
  readonly #acknowledged: string[] = [];
  readonly #failed = new Map<string, number>();
  #harness: Harness | undefined;
  #running: Promise<void> = Promise.resolve();
  #ending = false;
  #longestMs = 0;

  async open(environment: string): Promise<void> {
    this.#harness = await this.way.connect(environment);
    this.#running = this.#run();
  }

  takeLongestMs(): number {
    const longest = this.#longestMs;
    this.#longestMs = 0;
    return longest;
  }

  /** Tells the streams that it is enough. */
  async end(): Promise<CommandCount> {
    this.#ending = true;
    await this.#running;
    await this.#exec('touch enough');
    const ran = (await this.#exec(`cat ran-${this.#mark}`)).split('\n').slice(0, -1);
    return {
      acknowledged: this.#acknowledged.length,
      failed: Object.fromEntries(this.#failed),
      missing: this.#acknowledged.filter((id) => !ran.includes(id)).length,
      twice: ran.length - new Set(ran).size,
    };
  }

  async #run(): Promise<void> {
    for (let id = 0; !this.#ending; id += 1) {
      const started = performance.now();
      try {
        await this.#exec(`echo ${id} >> ran-${this.#mark}`);
        this.#acknowledged.push(String(id));
      } catch (error) {
        if (!(error instanceof HarnessError)) throw error;
        this.#failed.set(error.code, (this.#failed.get(error.code) ?? 0) + 1);
      }
      this.#longestMs = Math.max(this.#longestMs, performance.now() - started);
      await pause(BETWEEN_COMMANDS_MS);
    }
  }

  async #exec(script: string): Promise<string> {
    const command = await this.#harness?.exec({ argv: ['sh', '-c', script] });
    command?.stderr.resume();
    const output = command === undefined ? '' : await text(command.stdout);
    await command?.closed;
    return output;
  }
}

function tell(answer: Answer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

function countsOf(all: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const each of all) counts.set(each, (counts.get(each) ?? 0) + 1);
  return counts;
}

function windowOf(streams: readonly StreamSession[], commands: readonly Commands[]): Window {
  const now = performance.now();
  const losses = streams.map(({ way }) => way.takeLosses());
  return {
    silencesMs: streams.map(({ stream }) => Math.round(stream.longestSilenceMs(now))),
    moved: losses.filter((count) => count > 0).length,
    losses: losses.reduce((sum, count) => sum + count, 0),
    retries: Object.fromEntries(countsOf([...streams, ...commands].flatMap(({ way }) => way.takeRetries()))),
    commandMs: Math.round(Math.max(...commands.map((each) => each.takeLongestMs()))),
  };
}

const streams = Array.from({ length: sessions }, () => new StreamSession());
const commands = environments.map(() => new Commands());
for (const [index, each] of commands.entries()) await each.open(environments[index] ?? '');
for (let first = 0; first < sessions; first += OPENING_AT_ONCE) {
  const few = streams.slice(first, first + OPENING_AT_ONCE);
  await Promise.all(
    few.map((each, offset) => {
      const index = first + offset;
      return each.open(environments[index % environments.length] ?? '', index < restless ? 'restless' : 'in turns');
    }),
  );
}
windowOf(streams, commands);
tell({ type: 'streaming' });
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'window') tell({ type: 'window', window: windowOf(streams, commands) });
  if (line !== 'end') continue;
  const counts = [];
  for (const each of commands) counts.push(await each.end());
  tell({ type: 'end', sessions: await Promise.all(streams.map((each) => each.end())), commands: counts });
  process.exit(0);
}
