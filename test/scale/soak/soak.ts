import { setTimeout as delay } from 'node:timers/promises';
import { buildBundle } from '../../../bench/product/bundle.ts';
import { Clients } from '../rig/clients.ts';
import { networkProblem } from '../rig/network.ts';
import type { RigRelay } from '../rig/replicas.ts';
import { Rig } from '../rig/rig.ts';
import { Control } from './control.ts';
import { Watched } from './watched.ts';

/** Sessions that stream from the first minute to the last, and those of one wave, which come and go. */
const LASTING = 24;
const WAVE = 12;
/** Two lines in the time of the shortest gap that is told, for a machine that shall last an hour. Milliseconds. */
const LINE_EVERY_MS = 100;
/** What an exec-server keeps of a command is full within minutes. */
const LINE_LENGTH = 1_000;

const LOOK_MS = 5_000;
/**
 * From one wave to the next, on any machine: memory follows the rate of connections, and an exec-server keeps ended sessions for two minutes,
 * 256 at most.
 */
const WAVE_EVERY_MS = 5_000;
/** Between one end of a relay and the next. Milliseconds. */
const CALM_MS = 10_000;
const DRAIN_SECONDS = 5;

/** Two relays, a registry and every executor stay; the third relay and the second registry end again and again. */
const BLOWS = [
  'relay killed',
  'relay drained',
  'registry killed',
  'relay lost in silence',
  'registry restarted',
] as const;

/**
 * A young generation that does not grow with the rate of connections, as sidecars have it in their pods: else half an hour is spent with
 * its finding its size, which looks like a leak.
 */
const NODE_FLAGS = ['--max-semi-space-size=1'];

/** `npm run soak -- MINUTES` (15 at least, to judge what grows): the rig under sessions for so long. Exits 1 when a session was wrong or a process that stayed has grown. */
class Soak {
  readonly #rig: Rig;
  readonly #watched: readonly Watched[];
  readonly #control = new Control();
  readonly #endsAt: number;
  readonly #counts = { blows: 0, waves: 0, sessions: 0, lines: 0 };
  #guest: RigRelay;

  static async run(minutes: number): Promise<boolean> {
    const problem = networkProblem();
    if (problem !== undefined) throw new Error(problem);
    const [node = '', ...program] = buildBundle();
    const rig = await Rig.start({
      ...{ registries: 2, relays: 3, executors: 3, identities: 2, drainSeconds: DRAIN_SECONDS },
      ...{ program: [node, ...NODE_FLAGS, ...program], logLevel: 'warn' },
    });
    try {
      return await new Soak(rig, minutes).#run();
    } finally {
      await rig.stop();
    }
  }

  private constructor(rig: Rig, minutes: number) {
    const [first, second, guest] = rig.relays;
    const [registry] = rig.registries;
    if (first === undefined || second === undefined || guest === undefined || registry === undefined) {
      throw new Error('the rig is not complete');
    }
    this.#rig = rig;
    this.#guest = guest;
    this.#endsAt = Date.now() + minutes * 60_000;
    const parts = [first.part, second.part, registry.part];
    for (const { sidecar, execServer } of rig.executors) parts.push(sidecar, execServer);
    this.#watched = parts.map((part) => new Watched(part));
  }

  async #run(): Promise<boolean> {
    await this.#rig.settled();
    const lasting = await this.#clients(LASTING);
    try {
      await Promise.all([this.#storm(lasting), this.#waves(), this.#look()]);
      const right = await this.#finish(lasting);
      return this.#verdict() && right;
    } finally {
      lasting.stop();
      this.#control.stop();
    }
  }

  get #over(): boolean {
    return Date.now() >= this.#endsAt;
  }

  #clients(sessions: number): Promise<Clients> {
    const environments = this.#rig.executors.map(({ id }) => id);
    return Clients.start(this.#rig, {
      sessions,
      environments,
      input: true,
      lineEveryMs: LINE_EVERY_MS,
      lineLength: LINE_LENGTH,
    });
  }

  async #storm(lasting: Clients): Promise<void> {
    while (!this.#over) {
      const blow = BLOWS[this.#counts.blows % BLOWS.length];
      await this.#rig.settled();
      await this.#strike(blow ?? 'relay killed');
      await lasting.allHear();
      this.#counts.blows += 1;
      await delay(CALM_MS);
    }
  }

  async #strike(blow: (typeof BLOWS)[number]): Promise<void> {
    const [, registry] = this.#rig.registries;
    switch (blow) {
      case 'registry killed':
      case 'registry restarted':
        await (blow === 'registry killed' ? registry?.kill() : registry?.stop());
        return registry?.start();
      case 'relay killed':
        await this.#guest.kill();
        break;
      case 'relay drained':
        await this.#guest.drain();
        break;
      case 'relay lost in silence':
        this.#guest.loseSilently();
    }
    const before = this.#guest;
    this.#guest = await this.#rig.startRelay();
    if (before.isLost) await before.kill();
  }

  /** Sessions that are opened, stream for a moment and are closed: what is left behind by them would add up. */
  async #waves(): Promise<void> {
    while (!this.#over) {
      const next = delay(WAVE_EVERY_MS);
      const wave = await this.#clients(WAVE);
      if (await this.#finish(wave)) this.#counts.waves += 1;
      else throw new Error('a session of a wave was wrong');
      await next;
    }
  }

  async #finish(clients: Clients): Promise<boolean> {
    const reports = await clients.finish();
    const wrong = reports.filter(({ problem, inputProblem }) => (problem ?? inputProblem) !== undefined);
    for (const { id, problem, inputProblem } of wrong) console.log(`session ${id}: ${problem ?? inputProblem}`);
    this.#counts.sessions += reports.length;
    this.#counts.lines += reports.reduce((sum, { lines, inputLines }) => sum + lines + inputLines, 0);
    return wrong.length === 0;
  }

  async #look(): Promise<void> {
    let minute = 0;
    const startedAt = Date.now();
    while (!this.#over) {
      const idleDelayMs = await this.#control.delayMs();
      for (const each of this.#watched) await each.look(idleDelayMs);
      const passed = Math.floor((Date.now() - startedAt) / 60_000);
      if (passed > minute) {
        minute = passed;
        const { blows, sessions } = this.#counts;
        console.log(
          `${minute} min, ${blows} ends, ${sessions} sessions over | ${this.#watched.map((each) => each.line()).join(' | ')}`,
        );
      }
      await delay(LOOK_MS);
    }
  }

  #verdict(): boolean {
    const verdicts = this.#watched.flatMap((each) => each.verdicts());
    for (const { line } of verdicts) console.log(line);
    const { blows, waves, sessions, lines } = this.#counts;
    console.log(
      `${sessions} sessions (${waves} waves), ${lines} lines checked, ${blows} ends of relays and registries`,
    );
    return verdicts.every(({ flat }) => flat);
  }
}

const [minutes = ''] = process.argv.slice(2);
if (!/^\d{1,4}$/.test(minutes) || Number(minutes) === 0) {
  console.error('usage: npm run soak -- MINUTES');
  process.exit(2);
}
const good = await Soak.run(Number(minutes));
console.log(good ? 'every session right, every process flat' : 'NOT GOOD');
process.exit(good ? 0 : 1);
