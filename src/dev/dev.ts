import { existsSync, renameSync, rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock, Timer } from '../telemetry/index.ts';
import { Announcer } from './announcer.ts';
import { runDemo } from './demo.ts';
import { DevError } from './errors.ts';
import { Fleet } from './fleet.ts';
import { type Front, prepareFront } from './front.ts';
import { childEnvironment } from './processes/environment.ts';
import { lastWords } from './processes/log-follower.ts';
import type { SupervisedProcess } from './processes/supervised-process.ts';
import { writeProcessesFile } from './processes-file.ts';
import { headline, invitation, partsTable } from './screen.ts';
import { removeFile } from './state/atomic-file.ts';
import { defaultStateRoot, makePrivateDirectory, type StateLayout, stateLayout } from './state/layout.ts';
import { type Lock, takeLock } from './state/lock.ts';
import { PortBook } from './state/ports.ts';
import { TokenBook } from './state/tokens.ts';

/** Between two looks at manifests, key folders, clocks and logs. Short enough to feel at once, long enough to cost nothing. */
const ROUND_MS = 300;
/** Between two looks whether all parts are ready. Milliseconds. */
const READY_POLL_MS = 20;
/** A part that ended this often before it was ready would go on so: about six seconds of pauses. */
const MAX_START_FAILURES = 6;
/** How long people are left without a word. Milliseconds. */
const PATIENCE_MS = 5000;
/** A part that is not ready after this has a reason that waiting does not mend. Milliseconds. */
const START_TIMEOUT_MS = 60_000;

export interface DevOptions {
  /** The folder of manifests, which is followed. */
  readonly folder: string;
  /** `${XDG_STATE_HOME:-~/.local/state}/noisefleet/dev` by default. One `dev` at a time. */
  readonly stateRoot?: string;
  /** Node and the entry point of the command line: how children are started. */
  readonly program: readonly string[];
  /** How people call the command line here. */
  readonly call: string;
  /** A second place for the ready file. */
  readonly readyFile?: string;
  /** How long client and registration tokens live, in milliseconds; renewed at half of it. */
  readonly tokenTtl: number;
  /** For `Codex` executors: a name on PATH or a path. */
  readonly codex: string;
  /** What the registry hands out in place of the relay's own address. */
  readonly relayPublicUrl?: string;
  /** Run one command through the whole path when all is ready. */
  readonly demo: boolean;
  /** Whether people are to be told what they can do now: not when all ends after the command. */
  readonly invite: boolean;
  readonly logLevel: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Stops the start half-way; afterwards there is `close`. */
  readonly signal: AbortSignal;
  /** A line for people. */
  print(line: string): void;
  /** A line that asks for attention. */
  warn(line: string): void;
}

export interface Dev {
  readonly registryUrl: string;
  /** Ends every child, then forgets what said that we run. */
  close(): Promise<void>;
  /** Ends every child at once and by force. Synchronous, for the last moment of a process. */
  kill(): void;
}

/**
 * The whole product on this machine: registry, relay, and a sidecar with its exec-server for each executor, as child processes on
 * loopback. Resolves when all of them are ready (and the demo command went through); then it follows manifests, keys and tokens.
 *
 * @throws DevError; by then everything that was started has been ended
 */
export async function startDev(options: DevOptions): Promise<Dev> {
  const layout = stateLayout(resolve(options.stateRoot ?? defaultStateRoot(options.environment)));
  makePrivateDirectory(layout.root);
  const lock = takeLock(layout.lock);
  let parts: Parts;
  try {
    setLogsAside(layout.logs);
    for (const name of [layout.logs, join(layout.root, 'executors')]) makePrivateDirectory(name);
    parts = await prepareParts(options, layout, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
  const dev = new RunningDev(options, parts);
  try {
    await dev.start();
    return dev;
  } catch (error) {
    await dev.close();
    throw error;
  }
}

/** The logs of the run before stay readable, and logs do not grow for ever. */
function setLogsAside(logs: string): void {
  if (!existsSync(logs)) return;
  rmSync(`${logs}.old`, { recursive: true, force: true });
  renameSync(logs, `${logs}.old`);
}

interface Parts {
  readonly layout: StateLayout;
  readonly lock: Lock;
  readonly announcer: Announcer;
  readonly front: Front;
  readonly fleet: Fleet;
  readonly readyFiles: readonly string[];
}

async function prepareParts(options: DevOptions, layout: StateLayout, lock: Lock): Promise<Parts> {
  const announcer = new Announcer(options);
  const around = {
    layout,
    line: { program: options.program, logLevel: options.logLevel },
    ports: new PortBook(layout.portsFile),
    environment: childEnvironment(options.environment),
    clock: options.clock,
    events: (name: string, logFile: string) => announcer.processEvents(name, logFile),
  };
  const { relayPublicUrl } = options;
  const front = await prepareFront({ ...around, ...(relayPublicUrl !== undefined && { relayPublicUrl }) });
  const readyFiles = [...new Set([layout.readyFile, resolve(options.readyFile ?? layout.readyFile)])];
  for (const path of readyFiles) removeFile(path); // nobody is to take a file of an earlier run for this one
  const fleet = new Fleet({
    ...around,
    registryUrl: front.registryUrl,
    folder: options.folder,
    codex: { name: options.codex, path: options.environment.PATH ?? '' },
    tokens: new TokenBook({ path: layout.tokensFile, ttl: options.tokenTtl }),
    readyFiles,
    fleetEvents: announcer,
  });
  return { layout, lock, announcer, front, fleet, readyFiles };
}

class RunningDev implements Dev {
  readonly #options: DevOptions;
  readonly #parts: Parts;
  #timer: Timer | undefined;
  #round: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: DevOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
  }

  get registryUrl(): string {
    return this.#parts.front.registryUrl;
  }

  async start(): Promise<void> {
    const { print, call, demo } = this.#options;
    const { front, fleet, announcer } = this.#parts;
    for (const line of headline(userName())) print(line);
    for (const note of fleet.plan.notes) print(`  Note: ${note}`);
    await fleet.round();
    front.registry.start();
    front.relay.start();
    await this.#allReady();
    fleet.announce();
    this.#writeProcesses();
    const readyAfter = (name: string) => announcer.readyAfter(name);
    const keyOf = (id: string) => fleet.newestKey(id);
    for (const line of partsTable({ front, plan: fleet.plan, call, readyAfter, keyOf })) print(line);
    print('');
    if (demo) await this.#runDemo();
    if (this.#options.invite) this.#invite();
    announcer.speak();
    this.#again();
  }

  #invite(): void {
    const { print, call, folder } = this.#options;
    const { layout, fleet } = this.#parts;
    const elsewhere = layout.root !== resolve(defaultStateRoot(this.#options.environment));
    const readyFile = elsewhere ? { readyFile: layout.readyFile } : {};
    for (const line of invitation({ plan: fleet.plan, call, folder, ...readyFile })) print(line);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { announcer, front, fleet, layout, lock, readyFiles } = this.#parts;
    announcer.silence();
    this.#timer?.cancel();
    await this.#round;
    for (const path of [...readyFiles, layout.processesFile]) removeFile(path);
    await Promise.all([fleet.stop(), front.registry.stop(), front.relay.stop()]);
    lock.release();
  }

  kill(): void {
    const { front, fleet } = this.#parts;
    this.#closed = true;
    fleet.kill();
    front.registry.kill();
    front.relay.kill();
  }

  async #runDemo(): Promise<void> {
    const { call, print, signal: stop } = this.#options;
    const { front, fleet } = this.#parts;
    const { registryUrl, relayAdminUrl } = front;
    const credential = async (id: string) => fleet.credential(id);
    await runDemo({ plan: fleet.plan, call, print, registryUrl, relayAdminUrl, credential, stop });
  }

  /** Waits for every part, not one after the other, so that the message can say all that is missing. Tokens are renewed meanwhile. */
  async #allReady(): Promise<void> {
    const { clock, signal, print } = this.#options;
    const started = clock.now();
    let roundAt = started;
    let speakAt = started + PATIENCE_MS;
    for (;;) {
      const missing = this.#processes().filter((each) => !each.isReady);
      if (missing.length === 0) return;
      const now = clock.now();
      if (signal.aborted) throw new DevError('not_ready', 'stopped while starting');
      const hopeless = missing.filter(({ failures }) => failures >= MAX_START_FAILURES);
      if (hopeless.length > 0) throw new DevError('not_ready', notReady(hopeless));
      if (now >= started + START_TIMEOUT_MS) throw new DevError('not_ready', notReady(missing));
      if (now >= speakAt) {
        speakAt = now + PATIENCE_MS;
        for (const line of stillWaiting(missing)) print(line);
      }
      if (now >= roundAt + ROUND_MS) {
        roundAt = now;
        await this.#parts.fleet.round();
      }
      await pause(READY_POLL_MS);
    }
  }

  #processes(): SupervisedProcess[] {
    const { front, fleet } = this.#parts;
    return [
      front.registry,
      front.relay,
      ...[...fleet.units.values()].flatMap((unit) => [unit.sidecar, unit.execServer]),
    ];
  }

  #writeProcesses(): void {
    const { layout, front, fleet } = this.#parts;
    writeProcessesFile(layout.processesFile, front, fleet.units);
  }

  #again(): void {
    if (this.#closed) return;
    this.#timer = this.#options.clock.after(ROUND_MS, () => {
      this.#round = this.#followOnce().finally(() => this.#again());
    });
  }

  /** Never rejects: what fails now is tried again by the next round. */
  async #followOnce(): Promise<void> {
    const { announcer, fleet } = this.#parts;
    try {
      announcer.lookAtLogs(new Map(this.#processes().map(({ spec }) => [spec.name, spec.logFile])));
      await fleet.round();
      this.#writeProcesses();
      announcer.roundDone();
    } catch (error) {
      announcer.roundFailed(error);
    }
  }
}

function notReady(missing: readonly SupervisedProcess[]): string {
  const lines = missing.flatMap(({ spec, problem }) => [
    `  ${spec.name} ${problem}. Its log, ${spec.logFile}, ends with:`,
    `    ${lastWords(spec.logFile)}`,
  ]);
  return ['not everything became ready', ...lines].join('\n');
}

function stillWaiting(missing: readonly SupervisedProcess[]): string[] {
  return missing.map(({ spec, problem }) => `  waiting for ${spec.name}: ${problem}. Its log: ${spec.logFile}`);
}

/** A container's user often has a number and no account. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.()}`;
  }
}
