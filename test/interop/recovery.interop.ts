import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newestCodex } from './codex.ts';
import { startCodexTurn } from './codex-turn.ts';
import { commandOutput } from './command-output.ts';
import { type ModelStep, runningSessionId } from './fake-model.ts';
import { EXECUTOR_HOST, type ProxiedFleet, startProxiedFleet } from './fleet.ts';
import { fleetOf, type Runtime } from './manifests.ts';
import { startRealExecutor } from './real-executor.ts';
import { waitFor } from './wait-for.ts';

/** Lines that the command prints, one each 40 ms, and how many it has printed when each fault strikes. */
const LINES = 500;
const FAULTS = [
  { at: 60, what: 'the harness socket is cut' },
  { at: 180, what: 'the executor socket is cut' },
  { at: 300, what: 'the relay process is killed' },
] as const;

const command = (ticks: string) =>
  `for i in $(seq 1 ${LINES}); do echo "line $i on $(hostname)"; echo $i > ${ticks}; sleep 0.04; done`;

/** The command, then waiting for it as long as it runs. */
const steps = (ticks: string): readonly ModelStep[] => [
  () => ({ kind: 'exec', command: command(ticks), yieldMs: 30_000 }),
  ...Array.from(
    { length: 6 },
    (): ModelStep => (outputs) => {
      const last = outputs.at(-1) ?? '';
      if (!/session ID/i.test(last)) return { kind: 'say', text: 'done' };
      return { kind: 'stdin', sessionId: runningSessionId(last), characters: '', yieldMs: 30_000 };
    },
  ),
];

describe.each<Runtime>(['BuiltIn', 'Codex', 'External'])('runtime %s', (runtime) => {
  const environment = runtime.toLowerCase();
  let fleet: ProxiedFleet;
  let host: ChildProcess | undefined;

  beforeAll(async () => {
    const extra = ['--codex-bin', newestCodex.binary];
    fleet = await startProxiedFleet({ manifests: fleetOf(runtime), arguments: extra });
    if (runtime === 'External') host = await startRealExecutor(fleet, environment, newestCodex);
    await waitFor('the executor to be connected', () => fleet.proxy.open('environment') > 0);
  });
  afterAll(async () => {
    host?.kill('SIGTERM');
    await fleet?.stop();
  });

  it.each(['danger-full-access', 'workspace-write'])(
    'loses no line of a running command to three cuts, sandbox %s',
    async (sandbox) => {
      const ticks = join(fleet.workspace, `ticks-${sandbox}`);
      const turn = await startCodexTurn({
        fleet,
        release: newestCodex,
        environment,
        steps: steps(ticks),
        codexArguments: ['-s', sandbox],
      });
      const seen = host === undefined ? fleet.onExecutor(ticks) : join(`/proc/${host.pid}/root`, ticks);
      const printed = () => lastTick(seen);
      for (const { at, what } of FAULTS) {
        await waitFor(`${at} lines`, () => printed() >= at);
        strike(what, fleet);
      }
      const { code, stdout, stderr } = await turn.result;

      expect({ code, stderr }).toMatchObject({ code: 0 });
      const expected = Array.from({ length: LINES }, (_, index) => `line ${index + 1} on ${EXECUTOR_HOST}`);
      expect(commandOutput(stdout).split('\n').filter(Boolean)).toEqual(expected);
    },
  );
});

function strike(what: (typeof FAULTS)[number]['what'], fleet: ProxiedFleet): void {
  switch (what) {
    case 'the harness socket is cut':
      expect(fleet.proxy.cut('harness')).toBeGreaterThan(0);
      return;
    case 'the executor socket is cut':
      expect(fleet.proxy.cut('environment')).toBeGreaterThan(0);
      return;
    case 'the relay process is killed':
      process.kill(fleet.processes().relay.pid, 'SIGKILL');
  }
}

function lastTick(path: string): number {
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
}
