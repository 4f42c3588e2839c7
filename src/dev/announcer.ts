import type { Clock } from '../telemetry/index.ts';
import type { FleetEvents } from './fleet.ts';
import type { KeysRound } from './keys/executor-keys.ts';
import type { Plan, PlannedEnvironment } from './manifests/plan.ts';
import { LogFollower, type LogWarning } from './processes/log-follower.ts';
import type { ProcessEvents } from './processes/supervised-process.ts';

export interface AnnouncerOptions {
  readonly clock: Clock;
  print(line: string): void;
  warn(line: string): void;
}

/** Tells people on the terminal what changes, each thing once. Until `followFromNow` it only keeps count, since starting is told apart. */
export class Announcer implements FleetEvents {
  readonly #options: AnnouncerOptions;
  readonly #startedAt: number;
  readonly #readyAfter = new Map<string, number>();
  readonly #followers = new Map<string, LogFollower>();
  /** The last thing said on a subject that would come up again each round. */
  readonly #said = new Map<string, string>();
  #silent = true;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
  }

  /** Milliseconds from our start until the process was ready first. */
  readyAfter(process: string): number | undefined {
    return this.#readyAfter.get(process);
  }

  speak(): void {
    this.#silent = false;
  }

  silence(): void {
    this.#silent = true;
  }

  processEvents(name: string, logFile: string): ProcessEvents {
    return {
      ready: () => {
        if (this.#readyAfter.has(name)) this.#say(`${name} is ready again`);
        else this.#readyAfter.set(name, this.#options.clock.now() - this.#startedAt);
      },
      ended: (how, pause) => this.#warn(`${name} ${how}; it is started again in ${pause} ms. Its log: ${logFile}`),
    };
  }

  /** Warnings that the parts wrote into their logs since the last look. */
  lookAtLogs(files: ReadonlyMap<string, string>): void {
    for (const [name, file] of files) {
      let follower = this.#followers.get(name);
      if (follower === undefined) {
        follower = new LogFollower(file);
        this.#followers.set(name, follower);
      }
      for (const warning of follower.look()) this.#warn(`${name}: ${warningLine(warning)}`);
    }
    for (const name of this.#followers.keys()) if (!files.has(name)) this.#followers.delete(name);
  }

  manifestsRefused(problems: string): void {
    this.#once('manifests', problems, () => this.#warn(`${problems}\n    The last good manifests stay in force.`));
  }

  manifestsFollowed({ environments, grants, notes }: Plan): void {
    this.#said.delete('manifests');
    this.#say(`manifests followed: ${count(environments.length, 'executor')}, ${count(grants.length, 'grant')}`);
    for (const note of notes) this.#say(`Note: ${note}`);
  }

  executorAdded({ id }: PlannedEnvironment): void {
    this.#say(`${id} is started`);
  }

  executorRemoved(environmentId: string): void {
    this.#say(`${environmentId} is stopped; its keys stay in the state directory`);
  }

  keys(environmentId: string, { notes, problems }: KeysRound): void {
    for (const note of notes) this.#say(`${environmentId}: ${note}`);
    this.#once(`problems ${environmentId}`, problems.join('\n'), () => {
      for (const problem of problems) this.#warn(`${environmentId}: ${problem}`);
    });
  }

  /** A round that could not be finished; the next one tries again. */
  roundFailed(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.#once('round', text, () => this.#warn(text));
  }

  roundDone(): void {
    this.#said.delete('round');
  }

  #once(subject: string, text: string, tell: (text: string) => void): void {
    if ((this.#said.get(subject) ?? '') === text) return;
    this.#said.set(subject, text);
    tell(text);
  }

  #say(line: string): void {
    if (!this.#silent) this.#options.print(`  ${this.#time()}  ${line}`);
  }

  #warn(line: string): void {
    if (!this.#silent) this.#options.warn(`  ${this.#time()}  ! ${line}`);
  }

  #time(): string {
    return new Date(this.#options.clock.now()).toISOString().slice(11, 19);
  }
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function warningLine({ level, message, fields }: LogWarning): string {
  const shown = Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return [`${level}: ${message}`, ...shown].join(' ');
}
