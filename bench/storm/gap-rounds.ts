import { setTimeout as delay } from 'node:timers/promises';
import type { EnvironmentId } from '../../src/wire/index.ts';
import { type RealExecutor, startRealExecutorAt } from '../../test/scale/real-codex.ts';
import { Clients } from '../../test/scale/rig/clients.ts';
import { type Blow, describeHits, type Hit, hitsOf, percentile } from '../../test/scale/rig/gaps.ts';
import { networkProblem } from '../../test/scale/rig/network.ts';
import type { RigRelay } from '../../test/scale/rig/replicas.ts';
import { Rig } from '../../test/scale/rig/rig.ts';
import { buildBundle } from '../product/bundle.ts';
import type { Outcome } from '../row.ts';

/** Three relays, two registries, a hundred sessions of our client. */
const REGISTRIES = 2;
const RELAYS = 3;
const SESSIONS = 100;
/** Each at most 25 streams at one executor, below what a relay takes of one identity. */
const IDENTITIES = 5;
const EXECUTORS = 5;

const ROUNDS = 3;
const SHARE = 0.99;

export interface Storm {
  readonly what: string;
  /** How many relays end in one round. */
  readonly blows: number;
  readonly strike: (relay: RigRelay) => Promise<void>;
  readonly drainSeconds?: number;
  /** Real `codex exec-server --remote` in place of our executors; each holds one socket, at one relay. */
  readonly real?: boolean;
  /** Since the blow before, or since the executors came. Milliseconds. */
  readonly apartMs?: number;
}

/**
 * A hundred sessions of our client that stream both ways, while one relay after another ends. A round's figure is the 99th percentile, in
 * seconds, of how long a session that lost its connection heard nothing.
 *
 * @throws unless every session got all of its output, in order, and every byte of its input arrived
 */
export async function gapRounds(storm: Storm): Promise<Outcome> {
  const problem = networkProblem();
  if (problem !== undefined) return { unavailable: problem };
  const hosts: RealExecutor[] = [];
  const rig = await Rig.start({
    ...{ registries: REGISTRIES, relays: RELAYS, identities: IDENTITIES, logLevel: 'warn' },
    executors: storm.real ? 0 : EXECUTORS,
    program: buildBundle(),
    ...(storm.drainSeconds !== undefined && { drainSeconds: storm.drainSeconds }),
  });
  try {
    if (storm.real)
      for (let n = 0; n < EXECUTORS; n += 1) hosts.push(await startRealExecutorAt(rig, `host${n}`, 'alone'));
    return await stormOn(rig, hosts, storm);
  } finally {
    await Promise.all(hosts.map((host) => host.stop()));
    await rig.stop();
  }
}

async function stormOn(rig: Rig, hosts: readonly RealExecutor[], storm: Storm): Promise<Outcome> {
  const environments: readonly EnvironmentId[] = [...rig.executors, ...hosts].map(({ id }) => id);
  await rig.settled(hosts.length);
  const clients = await Clients.start(rig, { sessions: SESSIONS, environments, input: true });
  try {
    const rounds: (readonly Blow[])[] = [];
    for (let round = 0; round < ROUNDS; round += 1) rounds.push(await oneRound(rig, clients, storm, hosts.length));
    await checkAll(clients);
    const hits = hitsOf(rounds.flat(), clients.gaps, clients.transitions);
    return { ratios: rounds.map((blows) => figureOf(storm, hitsOfRound(hits, blows))) };
  } finally {
    clients.stop();
  }
}

async function oneRound(rig: Rig, clients: Clients, storm: Storm, others: number): Promise<readonly Blow[]> {
  const { what, blows: count, strike, apartMs = 0 } = storm;
  const blows: Blow[] = [];
  for (let number = 0; number < count; number += 1) {
    await delay(apartMs);
    await rig.settled(others);
    const relay = await busiest(rig);
    blows.push({ what, at: Date.now() });
    await strike(relay);
    await clients.allHear();
    await rig.startRelay();
  }
  return blows;
}

/** Of those that live the one with most executors: a real one is at one relay only. The oldest of several. */
async function busiest(rig: Rig): Promise<RigRelay> {
  const live = rig.relays.filter(({ isLost }) => !isLost);
  const counts = await Promise.all(live.map((relay) => relay.executorSockets()));
  const relay = live[counts.indexOf(Math.max(...counts))];
  if (relay === undefined) throw new Error('no relay lives');
  return relay;
}

async function checkAll(clients: Clients): Promise<void> {
  const reports = await clients.finish();
  const [wrong] = reports.filter((report) => report.problem !== undefined || report.inputProblem !== undefined);
  if (wrong !== undefined) throw new Error(`session ${wrong.id}: ${wrong.problem ?? wrong.inputProblem}`);
}

function hitsOfRound(hits: readonly Hit[], blows: readonly Blow[]): readonly Hit[] {
  return hits.filter((hit) => blows.some(({ at }) => at === hit.at));
}

/** Seconds. @throws when nobody was hit: then nothing was measured */
function figureOf({ what }: Storm, hits: readonly Hit[]): number {
  if (hits.length === 0) throw new Error('no session lost its connection');
  process.stderr.write(`  ${what}: ${describeHits(hits)}\n`);
  const times = hits.map(({ milliseconds }) => milliseconds);
  return percentile(times, SHARE) / 1_000;
}
