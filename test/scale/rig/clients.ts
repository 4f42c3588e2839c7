import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { EnvironmentId } from '../../../src/wire/index.ts';
import type { FromClients, Gap, SessionPlan, SessionReport, ToClients, Transition } from './messages.ts';
import type { Rig } from './rig.ts';

/** Two lines in the time of the shortest gap that is told. Milliseconds. */
const LINE_EVERY_MS = 50;
const LINE_LENGTH = 200;

export interface ClientsOptions {
  readonly sessions: number;
  /** Shared out among them in turn. */
  readonly environments: readonly EnvironmentId[];
  /** Every session also feeds a command. */
  readonly input?: boolean;
  /** Between two lines of a command. */
  readonly lineEveryMs?: number;
  /** Characters of a line beside its number. */
  readonly lineLength?: number;
  /** Sessions of one process. */
  readonly perProcess?: number;
}

/** Sessions of our own client that stream all the time, in processes of their own, and what they saw. */
export class Clients {
  readonly gaps: Gap[] = [];
  readonly transitions: Transition[] = [];
  readonly reports: SessionReport[] = [];
  readonly sessions: number;
  #finishing = false;
  readonly #processes: ChildProcess[] = [];
  readonly #streaming = new Set<number>();
  readonly #allStreaming = Promise.withResolvers<void>();
  #look = { number: 0, heard: new Set<number>(), all: Promise.withResolvers<void>() };
  readonly #allReported = Promise.withResolvers<void>();

  /** Every session streams when it resolves. @throws when one of them could not begin */
  static async start(rig: Rig, options: ClientsOptions): Promise<Clients> {
    const clients = new Clients(rig, options);
    await clients.#allStreaming.promise;
    return clients;
  }

  private constructor(rig: Rig, options: ClientsOptions) {
    const { sessions, environments, input = false, perProcess = 50 } = options;
    const { lineEveryMs = LINE_EVERY_MS, lineLength = LINE_LENGTH } = options;
    this.sessions = sessions;
    // Whoever waits for one of them sees it.
    for (const { promise } of [this.#allStreaming, this.#allReported, this.#look.all]) promise.catch(() => {});
    for (let id = 0; id < sessions; id += 1) {
      if (id % perProcess === 0) this.#processes.push(this.#fork());
      const environmentId = environments[id % environments.length];
      if (environmentId === undefined) throw new Error('no environment for a session');
      const plan: SessionPlan = {
        ...{ id, environmentId, input, lineEveryMs, lineLength },
        registryUrl: rig.registryUrl,
        token: rig.files.clientToken(id),
      };
      this.#send(this.#processes.at(-1), { type: 'open', plan });
    }
  }

  /** Resolves when every session that still runs heard something new. @throws when a session ended meanwhile */
  async allHear(): Promise<void> {
    this.#look = { number: this.#look.number + 1, heard: new Set(), all: Promise.withResolvers() };
    for (const child of this.#processes) this.#send(child, { type: 'look', number: this.#look.number });
    await this.#look.all.promise;
  }

  /** All commands end, and every session says what came of it. */
  async finish(): Promise<readonly SessionReport[]> {
    this.#finishing = true;
    for (const child of this.#processes) this.#send(child, { type: 'finish' });
    await this.#allReported.promise;
    this.stop();
    return this.reports;
  }

  stop(): void {
    for (const child of this.#processes) child.kill('SIGKILL');
  }

  #fork(): ChildProcess {
    const child = fork(join(import.meta.dirname, 'client-process.ts'), { serialization: 'json' });
    child.on('message', (message: FromClients) => this.#take(message));
    child.once('exit', (code) => this.#failed(new Error(`a process of clients ended with ${code}`)));
    return child;
  }

  #send(child: ChildProcess | undefined, message: ToClients): void {
    child?.send(message);
  }

  #take(message: FromClients): void {
    switch (message.type) {
      case 'streaming':
        this.#streaming.add(message.id);
        if (this.#streaming.size === this.sessions) this.#allStreaming.resolve();
        return;
      case 'heard':
        if (message.number === this.#look.number) this.#look.heard.add(message.id);
        if (this.#look.heard.size === this.sessions) this.#look.all.resolve();
        return;
      case 'gap':
        this.gaps.push(message.gap);
        return;
      case 'transition':
        this.transitions.push(message.transition);
        return;
      case 'report':
        this.reports.push(message.report);
        if (!this.#finishing) this.#failed(new Error(this.#storyOf(message.report)));
        if (this.reports.length === this.sessions) this.#allReported.resolve();
    }
  }

  /** Why it ended and all that its client said before. */
  #storyOf({ id, problem }: SessionReport): string {
    const own = this.transitions.filter((each) => each.id === id);
    const story = own.map(({ at, event, code = '' }) => `${new Date(at).toISOString()} ${event} ${code}`);
    return [`session ${id} ended: ${problem}`, ...story].join('\n  ');
  }

  #failed(error: Error): void {
    this.#allStreaming.reject(error);
    this.#look.all.reject(error);
    if (this.reports.length < this.sessions) this.#allReported.reject(error);
  }
}
