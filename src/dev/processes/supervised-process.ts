import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Clock, Timer } from '../../telemetry/index.ts';
import { failuresAfter, restartPause } from './backoff.ts';

/** Asked to stop, a child has this long before its whole process group is killed. Milliseconds. */
const STOP_GRACE_MS = 10_000;
/** Between two looks at a child that is not ready yet. Milliseconds. */
const READY_POLL_MS = 50;
/** One look; a child busy with starting may be slow to answer. Milliseconds. */
const READY_TIMEOUT_MS = 2000;
/** Says less than how the process ended last. */
const SILENT = 'does not answer yet';

export interface ProcessSpec {
  /** `relay`, `executor default_demo`: for people, and for the name of the log. */
  readonly name: string;
  /** Asked at each start; may wait for another part's file, until `signal` says that nobody needs it any more. Holds no secret. */
  command(signal: AbortSignal): Promise<readonly string[]>;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly logFile: string;
  /** Answers 200 when ready. */
  readonly readyUrl: string;
}

export interface ProcessEvents {
  ready(): void;
  /** Ended although nobody asked it to; it is started again after `pause` milliseconds. */
  ended(how: string, pause: number): void;
}

/**
 * One child process in a process group of its own, started again with growing pauses until `stop`. Its standard input is a pipe that
 * only we hold: when we die, however that happens, the kernel closes it and the child ends by itself. Its output goes straight
 * into a file, so that our death cannot break its last words.
 */
export class SupervisedProcess {
  readonly spec: ProcessSpec;
  readonly #events: ProcessEvents;
  readonly #clock: Clock;
  #child: ChildProcess | undefined;
  #ready = false;
  readonly #stopping = new AbortController();
  #failures = 0;
  #startedAt = 0;
  #restart: Timer | undefined;
  #lastProblem = 'is starting';

  constructor(spec: ProcessSpec, events: ProcessEvents, clock: Clock) {
    this.spec = spec;
    this.#events = events;
    this.#clock = clock;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isReady(): boolean {
    return this.#ready;
  }

  /** How often in a row it ended soon after its start. */
  get failures(): number {
    return this.#failures;
  }

  /** Why it is not ready, in its own words where it said some. */
  get problem(): string {
    return this.#lastProblem;
  }

  start(): void {
    this.#startedAt = this.#clock.now();
    this.spec.command(this.#stopping.signal).then(
      (command) => this.#spawn(command),
      (error: unknown) => this.#onEnd(error instanceof Error ? error.message : String(error)),
    );
  }

  /** Ends the child: SIGTERM, after a grace the whole group by force. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#restart?.cancel();
    const child = this.#child;
    if (child === undefined || hasEnded(child)) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const patience = this.#clock.after(STOP_GRACE_MS, () => this.kill());
    await gone;
    patience.cancel();
  }

  /** Ends the child and all of its group at once. */
  kill(): void {
    this.#stopping.abort();
    if (this.#child !== undefined) killGroup(this.#child);
  }

  #spawn([program = '', ...args]: readonly string[]): void {
    if (this.#stopping.signal.aborted) return;
    const log = openSync(this.spec.logFile, 'a', 0o600);
    const { env, cwd } = this.spec;
    const child = spawn(program, args, {
      env,
      detached: true,
      stdio: ['pipe', log, log],
      ...(cwd !== undefined && { cwd }),
    });
    closeSync(log);
    this.#child = child;
    child.stdin?.on('error', () => {}); // nothing is ever written; the pipe breaks when the child ends
    let ended = false;
    const end = (how: string) => {
      if (ended) return;
      ended = true;
      killGroup(child); // what it leaves behind would hold its port
      this.#child = undefined;
      this.#onEnd(how);
    };
    child.once('error', (error) => end(error.message));
    child.once('exit', (code, signal) =>
      end(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`),
    );
    this.#pollReady(child);
  }

  #onEnd(how: string): void {
    this.#ready = false;
    this.#lastProblem = how;
    if (!this.#stopping.signal.aborted) {
      this.#failures = failuresAfter(this.#failures, this.#clock.now() - this.#startedAt);
      const pause = restartPause(this.#failures);
      this.#restart = this.#clock.after(pause, () => this.start());
      this.#events.ended(how, pause);
    }
  }

  #pollReady(child: ChildProcess): void {
    askReady(this.spec.readyUrl).then((problem) => {
      if (this.#child !== child) return;
      if (problem === undefined) {
        this.#ready = true;
        this.#events.ready();
      } else {
        if (this.#failures === 0 || problem !== SILENT) this.#lastProblem = problem;
        this.#clock.after(READY_POLL_MS, () => this.#pollReady(child));
      }
    });
  }
}

/** Undefined when ready. */
async function askReady(url: string): Promise<string | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(READY_TIMEOUT_MS) });
    const text = await answer.text();
    return answer.ok ? undefined : text.trim().slice(0, 200);
  } catch {
    return SILENT;
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Does nothing when the group is gone already. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ESRCH: no such group any more
  }
}
