import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CodexSession, type RealExecutor, startRealExecutorAt, workspaceOf } from './real-codex.ts';
import { Clients } from './rig/clients.ts';
import { type Blow, describeHits, hitsOf } from './rig/gaps.ts';
import { Rig } from './rig/rig.ts';

const SESSIONS = 24;

/** The silent one costs most of the time: ten seconds until it is noticed. */
const DEATHS = ['killed', 'killed', 'lost in silence', 'killed', 'lost in silence', 'killed'] as const;

describe('relays that die one after another', () => {
  let rig: Rig;
  let host: RealExecutor;
  beforeAll(async () => {
    rig = await Rig.start({ registries: 2, relays: 3, executors: 3 });
    host = await startRealExecutorAt(rig, 'host', 'joined');
    await rig.settled(1);
  });
  afterAll(async () => {
    await host?.stop();
    await rig?.stop();
  });

  it('cost no session a byte, in either direction, our own or of a real Codex at our executor or at a real one', async () => {
    const environments = rig.executors.map(({ id }) => id);
    const clients = await Clients.start(rig, { sessions: SESSIONS, environments, input: true });
    const codexes = await Promise.all([workspaceOf(rig), host].map((workspace) => CodexSession.start(rig, workspace)));
    const blows: Blow[] = [];
    for (const what of DEATHS) {
      await rig.settled();
      blows.push({ what, at: Date.now() });
      await die(what);
      await clients.allHear();
      await rig.startRelay();
    }
    const reports = await clients.finish();
    const hits = hitsOf(blows, clients.gaps, clients.transitions);
    for (const { what, at } of blows) console.log(`${what}: ${describeHits(hits.filter((hit) => hit.at === at))}`);

    expect(reports.filter(({ problem, inputProblem }) => problem ?? inputProblem)).toEqual([]);
    expect(reports.filter(({ lines, inputLines }) => lines === 0 || inputLines === 0)).toEqual([]);
    // Else nothing was shown.
    expect(reports.filter(({ connections }) => connections > 1).length).toBeGreaterThan(SESSIONS / 2);
    for (const codex of codexes) expect(await codex.finish()).toBeGreaterThan(0);
  });

  /** The oldest relay that lives. */
  async function die(how: (typeof DEATHS)[number]): Promise<void> {
    const victim = rig.relays.find(({ isLost }) => !isLost);
    if (victim === undefined) throw new Error('no relay lives');
    if (how === 'killed') await victim.kill();
    else victim.loseSilently();
  }
});
