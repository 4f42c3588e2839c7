import { Clients } from '../../test/scale/rig/clients.ts';
import { type Blow, describeHits, type Hit, hitsOf, percentile } from '../../test/scale/rig/gaps.ts';
import { networkProblem } from '../../test/scale/rig/network.ts';
import type { RigRelay } from '../../test/scale/rig/replicas.ts';
import { Rig } from '../../test/scale/rig/rig.ts';
import { buildBundle } from '../product/bundle.ts';
import type { Outcome } from '../row.ts';

/** As issue 5 asks: three relays, two registries, a hundred sessions. */
const REGISTRIES = 2;
const RELAYS = 3;
const EXECUTORS = 5;
const SESSIONS = 100;
/** Each at most 25 streams at one executor, below what a relay takes of one identity. */
const IDENTITIES = 5;

const ROUNDS = 3;
const SHARE = 0.99;

export interface Storm {
  readonly what: string;
  /** How many relays end in one round. */
  readonly blows: number;
  readonly strike: (relay: RigRelay) => Promise<void>;
  readonly drainSeconds?: number;
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
  const rig = await Rig.start({
    ...{ registries: REGISTRIES, relays: RELAYS, executors: EXECUTORS, identities: IDENTITIES },
    program: buildBundle(),
    logLevel: 'warn',
    ...(storm.drainSeconds !== undefined && { drainSeconds: storm.drainSeconds }),
  });
  try {
    const environments = rig.executors.map(({ id }) => id);
    const clients = await Clients.start(rig, { sessions: SESSIONS, environments, input: true });
    const rounds: (readonly Blow[])[] = [];
    for (let round = 0; round < ROUNDS; round += 1) rounds.push(await oneRound(rig, clients, storm));
    await checkAll(clients);
    const hits = hitsOf(rounds.flat(), clients.gaps, clients.transitions);
    return { ratios: rounds.map((blows) => figureOf(storm, hitsOfRound(hits, blows))) };
  } finally {
    await rig.stop();
  }
}

async function oneRound(rig: Rig, clients: Clients, { what, blows: count, strike }: Storm): Promise<readonly Blow[]> {
  const blows: Blow[] = [];
  for (let number = 0; number < count; number += 1) {
    await rig.settled();
    const relay = rig.relays.find(({ isLost }) => !isLost);
    if (relay === undefined) throw new Error('no relay lives');
    blows.push({ what, at: Date.now() });
    await strike(relay);
    await clients.allHear();
    await rig.startRelay();
  }
  return blows;
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
  return (
    percentile(
      hits.map(({ milliseconds }) => milliseconds),
      SHARE,
    ) / 1_000
  );
}
