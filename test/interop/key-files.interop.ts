import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newestCodex } from './codex.ts';
import { startCodexTurn } from './codex-turn.ts';
import { commandOutput } from './command-output.ts';
import { finished, type ProxiedFleet, startProxiedFleet } from './fleet.ts';
import { fleetOf } from './manifests.ts';
import { connectHarness, counted, outputOf, startCounting } from './our-harness.ts';
import { waitFor } from './wait-for.ts';

const STREAMS = 20;
const LINES = 400;
const PAUSE_SECONDS = 0.05;

describe('a new key beside the old one', () => {
  let fleet: ProxiedFleet;
  beforeAll(async () => {
    fleet = await startProxiedFleet({ manifests: fleetOf('BuiltIn') });
  });
  afterAll(async () => {
    await fleet?.stop();
  });

  const started = () => `${fleet.workspace}/the-command-runs`;
  const keyFile = (id: string) => join(fleet.stateDir, 'executors/default_builtin/keys', `${id}.json`);
  const servedKey = async () => {
    const harness = await connectHarness(fleet, 'builtin');
    const { fingerprint } = harness.diagnostics;
    harness.close();
    return fingerprint;
  };

  it('serves new harnesses, and neither running nor recovering ones notice', async () => {
    const first = await servedKey();
    const harnesses = await connectAll(fleet);
    const remotes = await Promise.all(harnesses.map((harness) => startCounting(harness, LINES, PAUSE_SECONDS)));
    const outputs = remotes.map(outputOf);
    const turn = await startCodexTurn({
      fleet,
      release: newestCodex,
      environment: 'builtin',
      steps: [() => ({ kind: 'exec', command: `touch ${started()}; ${countingCommand}`, yieldMs: 30_000 })],
    });
    // A start that is on its way when its connection ends fails: the command must run, and not only its harness be there.
    await waitFor('the command of the real harness to run', () => existsSync(fleet.onExecutor(started())));

    expect(await finished(fleet.noisefleet(['key', 'create', keyFile('k2')]))).toMatchObject({ code: 0 });
    await waitFor('the new key to be served', async () => (await servedKey()) !== first);
    expect(fleet.proxy.open('harness')).toBeGreaterThan(STREAMS);

    // Between rotation and recovery everything that could remember the old key is killed, but the executor.
    for (const victim of [fleet.processes().relay, fleet.processes().registry]) process.kill(victim.pid, 'SIGKILL');

    expect(await Promise.all(outputs)).toEqual(Array.from({ length: STREAMS }, () => counted(LINES)));
    expect(harnesses.map((harness) => harness.diagnostics.fingerprint)).toEqual(harnesses.map(() => first));
    const { code, stdout, stderr } = await turn.result;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(commandOutput(stdout)).toBe(counted(LINES));
    expect(await servedKey()).not.toBe(first);
    for (const harness of harnesses) harness.close();
  });

  it('takes over when the overlap of the old ones ends: attached streams go on, a later recovery fails, the next command works', async () => {
    const served = await servedKey();
    const harness = await connectHarness(fleet, 'builtin');
    const attached = await startCounting(harness, LINES / 2, PAUSE_SECONDS);
    editManifests(fleet, (yaml) =>
      yaml
        .replace('name: builtin', 'name: builtin, annotations: {noisefleet.dev/rotate-requested-at: now}')
        .replace('runtime:', 'keys: {rotation: {overlap: 1s}}\n  runtime:'),
    );
    await waitFor('k3 to be served', async () => (await servedKey()) !== served);
    await waitFor('the others to be gone', () => !existsSync(keyFile('k1')) && !existsSync(keyFile('k2')));
    expect(await outputOf(attached)).toBe(counted(LINES / 2));
    expect(harness.diagnostics.fingerprint).toBe(served);

    const lost = await startCounting(harness, LINES, PAUSE_SECONDS);
    lost.stdout.resume().on('error', () => {});
    lost.stderr.resume().on('error', () => {});
    fleet.proxy.cut('harness');
    await expect(lost.exit).rejects.toMatchObject({ code: expect.stringMatching(/session_lost|executor_key_changed/) });

    const next = await startCounting(harness, 3, 0);
    expect(await outputOf(next)).toBe(counted(3));
    expect(harness.diagnostics.fingerprint).not.toBe(served);
    harness.close();
  });
});

const countingCommand = `for i in $(seq 1 ${LINES}); do echo "line $i"; sleep ${PAUSE_SECONDS}; done`;

function editManifests(fleet: ProxiedFleet, change: (yaml: string) => string): void {
  const path = join(fleet.scratch, 'manifests/fleet.yaml');
  writeFileSync(path, change(readFileSync(path, 'utf8')));
}

/** One after the other: at most three handshakes of one identity may wait for an answer. */
async function connectAll(fleet: ProxiedFleet) {
  const harnesses = [];
  for (let index = 0; index < STREAMS; index += 1) harnesses.push(await connectHarness(fleet, 'builtin'));
  return harnesses;
}
