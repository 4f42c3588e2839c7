import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CodexSession, type RealExecutor, startRealExecutorAt, workspaceOf } from './real-codex.ts';
import { Clients } from './rig/clients.ts';
import { type Blow, describeHits, hitsOf } from './rig/gaps.ts';
import { Rig } from './rig/rig.ts';

/** Of each kind. */
const SESSIONS = 8;
const DRAINS = 3;

/** Sessions that print all the time never fall silent: this is how long each drain waits for them. Seconds. */
const DRAIN_SECONDS = 5;

/** Between two lines of a session whose stream has quiet moments. Milliseconds. */
const SELDOM_MS = 400;

describe('relays that are replaced one after another', () => {
  let rig: Rig;
  let host: RealExecutor;
  beforeAll(async () => {
    rig = await Rig.start({ registries: 2, relays: 2, executors: 2, drainSeconds: DRAIN_SECONDS });
    // By itself: a real executor dials again as soon as its socket closes, and needs nobody for that.
    host = await startRealExecutorAt(rig, 'host', 'alone');
    await rig.settled(1);
  });
  afterAll(async () => {
    await host?.stop();
    await rig?.stop();
  });

  it('lose nothing of what is streamed, from our executors or a real one, without pause or with quiet moments', async () => {
    const ours = rig.executors.map(({ id }) => id);
    const groups = await Promise.all([
      Clients.start(rig, { sessions: SESSIONS, environments: ours, input: true }),
      Clients.start(rig, { sessions: SESSIONS, environments: ours, lineEveryMs: SELDOM_MS }),
      Clients.start(rig, { sessions: SESSIONS / 2, environments: [host.id], input: true }),
    ]);
    const codex = await CodexSession.start(rig, workspaceOf(rig));
    const blows: Blow[] = [];
    for (let number = 0; number < DRAINS; number += 1) {
      await rig.settled(1);
      const [oldest] = rig.relays;
      // As a rolling update does: the next one is ready before the last one ends.
      await rig.startRelay();
      blows.push({ what: 'drained', at: Date.now() });
      await oldest?.drain();
      for (const clients of groups) await clients.allHear();
    }
    const names = ['our executors', 'our executors, quiet moments', 'a real executor'];
    for (const [index, clients] of groups.entries()) {
      const reports = await clients.finish();
      console.log(`${names[index]}: ${describeHits(hitsOf(blows, clients.gaps, clients.transitions))}`);

      expect(reports.filter(({ problem, inputProblem }) => problem ?? inputProblem)).toEqual([]);
      expect(reports.filter(({ lines }) => lines === 0)).toEqual([]);
      // Else nothing was shown.
      expect(reports.some(({ connections }) => connections > 1)).toBe(true);
    }
    expect(await codex.finish()).toBeGreaterThan(0);
  });
});
