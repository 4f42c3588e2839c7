import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newestCodex } from './codex.ts';
import { startCodexTurn } from './codex-turn.ts';
import { commandOutput } from './command-output.ts';
import { finished, type ProxiedFleet, startProxiedFleet } from './fleet.ts';
import { fleetOf } from './manifests.ts';
import { joinRealExecutor } from './real-executor.ts';
import { waitFor } from './wait-for.ts';

/** Tokens die young here, so that each session below outlives several of them. */
const TOKEN_TTL_SECONDS = 3;

const LINES = 200;
const CUT_AT = 100;

/** Ten seconds of output: three times the life of a token. */
const command = (ticks: string) =>
  `for i in $(seq 1 ${LINES}); do echo "line $i"; echo $i > ${ticks}; sleep 0.05; done`;
const expected = Array.from({ length: LINES }, (_, index) => `line ${index + 1}`);

describe('a session that outlives its first token', () => {
  let fleet: ProxiedFleet;
  let host: ChildProcess;
  beforeAll(async () => {
    const extra = ['--token-ttl', `${TOKEN_TTL_SECONDS}s`];
    fleet = await startProxiedFleet({ manifests: fleetOf('BuiltIn', 'External'), arguments: extra });
    host = await joinRealExecutor(fleet, 'external', newestCodex);
    await waitFor('both executors to be connected', () => fleet.proxy.open('environment') >= 2);
  });
  afterAll(async () => {
    host?.kill('SIGTERM');
    await fleet?.stop();
  });

  it.each(['builtin', 'external'])('goes on, recovers and validates through run and join: %s', async (environment) => {
    const ticks = join(fleet.workspace, 'ticks');
    const seenBy = environment === 'builtin' ? fleet.onExecutor(ticks) : join(`/proc/${host.pid}/root`, ticks);
    const steps = [() => ({ kind: 'exec', command: command(ticks), yieldMs: 30_000 }) as const];
    const turn = await startCodexTurn({ fleet, release: newestCodex, environment, steps });
    await waitFor('half of the output', () => existsSync(seenBy) && Number(readFileSync(seenBy, 'utf8')) >= CUT_AT);
    fleet.proxy.cut('harness');
    fleet.proxy.cut('environment');
    const { code, stdout, stderr } = await turn.result;

    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(commandOutput(stdout).split('\n').filter(Boolean)).toEqual(expected);
  });

  it('says why a bare connection fails once its token has ended', async () => {
    const printed = await finished(fleet.noisefleet(['connect', 'builtin']));
    expect(printed.code).toBe(0);
    expect(printed.stdout + printed.stderr).toContain('noisefleet run');
    const bare = Object.fromEntries(
      [...printed.stdout.matchAll(/^export (\w+)='?([^'\n]*)'?$/gm)].map(([, name, value]) => [
        name ?? '',
        value ?? '',
      ]),
    );
    await waitFor('the token to end', async () => (await connectStatus(bare)) === 401);

    const turn = await startCodexTurn({
      fleet,
      release: newestCodex,
      environment: 'builtin',
      steps: [() => ({ kind: 'exec', command: 'true' })],
      launch: (codex, env) => fleet.unprivileged(codex, { ...env, ...bare }),
    });
    const { stdout, stderr, outputs } = await turn.result;
    expect(stdout + stderr + outputs.join('\n')).toMatch(/token|expired|401/i);
  });
});

async function connectStatus(environment: Record<string, string>): Promise<number> {
  const base = environment.CODEX_EXEC_SERVER_NOISE_REGISTRY_URL;
  const id = environment.CODEX_EXEC_SERVER_NOISE_ENVIRONMENT_ID;
  const response = await fetch(`${base}/cloud/environment/${id}/connect`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${environment.CODEX_EXEC_SERVER_NOISE_AUTH_TOKEN}`,
    },
    body: '{}',
  });
  return response.status;
}
