import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seeded } from '../faults/seeded.ts';
import { connect } from './routing/calls.ts';
import { type Claim, claimOf } from './routing/claim.ts';
import { Crowd, type Wish } from './routing/crowd.ts';
import type { PlayedEnvironment } from './routing/environment.ts';
import { dial, type Outcome } from './routing/played-harness.ts';
import type { Replica } from './routing/replicas.ts';
import { RoutingRig } from './routing/routing-rig.ts';
import { Storm } from './routing/storm.ts';

/** A minute of storm; the full size is 10,000. */
const CONNECTS = Number(process.env.NOISEFLEET_SCALE_CONNECTS ?? 3_000);
const ENVIRONMENTS = 16;
/** Enough that nobody meets a limit: `connect` of one identity 100 times a second at each registry. */
const IDENTITIES = 64;
/** Harnesses at a time. */
const AT_ONCE = 96;
/** Of each environment, once the storm is over. */
const CALM_CONNECTS = 10;

describe('routes', () => {
  const seed = Number(process.env.NOISEFLEET_SCALE_SEED ?? randomInt(2 ** 31));
  const random = seeded(seed);
  let rig: RoutingRig;
  let crowd: Crowd;

  beforeAll(async () => {
    process.stdout.write(`  NOISEFLEET_SCALE_SEED=${seed}\n`);
    rig = await RoutingRig.start({
      ...{ registries: 2, relays: 3, environments: ENVIRONMENTS, identities: IDENTITIES, random },
    });
    crowd = new Crowd(rig, random);
  });
  afterAll(() => rig?.close());

  it(`lead none of ${CONNECTS} connects to anybody else, while registries and relays die, presence is cut and executors move`, async () => {
    const storm = new Storm(rig, seed);
    const started = performance.now();
    await crowd.connect(CONNECTS, AT_ONCE);
    const seconds = (performance.now() - started) / 1_000;
    await storm.end();
    print(`${seconds.toFixed(1)} s: ${describeCounts(storm.blows)}`);
    print(describeCounts(crowd.outcomes));

    expect(rig.wrong).toEqual([]);
    expect(crowd.unexplained()).toEqual([]);
    const refusals = [...crowd.outcomes.keys()].filter((what) => /^(after a 401: )?\d/.test(what));
    expect(refusals.filter((what) => !/40(1|9) |503 /.test(what))).toEqual([]);
    expect(crowd.count('served')).toBeGreaterThan(CONNECTS / 2);
    // Else nothing was shown of stale tickets.
    expect(crowd.count('after a 401: served')).toBeGreaterThan(CONNECTS / 1_000);
  }, 600_000);

  it('are all there again when it is over, and at the first attempt', async () => {
    await Promise.all(rig.environments.map(serving));
    const before = crowd.count('served');
    const calm = rig.environments.flatMap(({ id }) => Array.from({ length: CALM_CONNECTS }, () => crowd.wish(id)));
    await Promise.all(calm.map((wish) => crowd.satisfy(wish)));
    expect(crowd.count('served') - before).toBe(ENVIRONMENTS * CALM_CONNECTS);
    expect(rig.wrong).toEqual([]);
  });

  interface Held {
    readonly environment: PlayedEnvironment;
    readonly relay: Replica;
    readonly claim: Claim;
    readonly use: () => Promise<Outcome>;
  }

  it.each<[string, string, (held: Held) => Promise<unknown>]>([
    [
      'whose relay lives another life at the same address',
      'wrong_relay',
      async ({ relay }) => {
        await rig.endRelay(relay, 'kill');
        await rig.startRelay(relay, relay.endpoint.port);
      },
    ],
    [
      'whose relay is no more',
      'relay_unreachable',
      async ({ relay }) => {
        const port = rig.freeRelayPort(random);
        await rig.endRelay(relay, 'kill');
        await rig.startRelay(relay, port);
      },
    ],
    [
      'whose executor was replaced',
      'executor_gone',
      async ({ environment, claim }) => {
        environment.move();
        await expect.poll(() => rig.gone(claim), { timeout: 30_000 }).not.toEqual([]);
      },
    ],
    ['that was used', 'ticket_used', ({ use }) => use()],
  ])('of a ticket %s end in 401 %s, and the one retry is served', async (_what, code, change) => {
    const held = await ticketOf(crowd.wish());
    await change(held);
    await serving(held.environment);
    expect(await held.use()).toMatchObject({ kind: 'unauthorized', code });
    expect(await crowd.satisfy(crowd.wish(held.environment.id))).toMatchObject({ kind: 'served' });
    expect(rig.wrong).toEqual([]);
  });

  it('of a ticket whose registries have all died since are as good as before', async () => {
    const { use } = await ticketOf(crowd.wish());
    for (const registry of rig.registries) await rig.killRegistry(registry);
    expect(await use()).toMatchObject({ kind: 'served' });
    await Promise.all(rig.registries.map((registry) => rig.startRegistry(registry)));
  });

  function print(line: string): void {
    process.stdout.write(`  ${line}\n`);
  }

  /** Resolves when it is served at the first attempt. */
  async function serving({ id }: PlayedEnvironment): Promise<void> {
    while ((await crowd.satisfy(crowd.wish(id))).kind !== 'served');
  }

  async function ticketOf(wish: Wish): Promise<Held> {
    const answer = await connect(wish);
    if (answer.kind !== 'ok') throw new Error(`no ticket: ${answer.kind}`);
    const { url } = answer.body;
    const claim = claimOf(url);
    const environment = rig.environments.find(({ id }) => id === wish.environmentId);
    const relay = rig.relays.find(({ endpoint }) => claim.address === `${endpoint.host}:${endpoint.port}`);
    if (environment === undefined || relay === undefined) throw new Error('a ticket for nobody that is here');
    const use = () => dial(url, claim, (what) => rig.wrong.push(what));
    return { environment, relay, claim, use };
  }
});

function describeCounts(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([what, count]) => `${what} ${count}`).join(', ');
}
