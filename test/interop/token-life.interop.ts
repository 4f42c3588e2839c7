import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newestCodex } from './codex.ts';
import { startCodexTurn } from './codex-turn.ts';
import { commandOutput } from './command-output.ts';
import { finished, type ProxiedFleet, startProxiedFleet } from './fleet.ts';
import { fleetOf } from './manifests.ts';
import { joinRealExecutor } from './real-executor.ts';
import { giveAway } from './user.ts';
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
    expect(printed).toMatchObject({ code: 0, stderr: expect.stringContaining('noisefleet run') });
    const script = join(fleet.scratch, 'variables.sh');
    writeFileSync(script, printed.stdout);
    giveAway(script);
    const inShell = (command: readonly string[], env: Record<string, string> = {}) =>
      fleet.unprivileged(['sh', '-c', `. ${script} && exec "$@"`, 'sh', ...command], env);
    await waitFor('the token to end', async () => (await connectStatus(inShell)) === 401);

    const turn = await startCodexTurn({
      fleet,
      release: newestCodex,
      environment: 'builtin',
      steps: [() => ({ kind: 'exec', command: 'true' })],
      launch: inShell,
    });
    const { stderr } = await turn.result;
    expect(stderr).toContain('The token has expired');
    expect(stderr).toContain('noisefleet run');
  });
});

type InShell = (command: readonly string[]) => ChildProcess;

/** What the registry answers to whoever connects with the printed variables. */
async function connectStatus(inShell: InShell): Promise<number> {
  const { stdout } = await finished(inShell([process.execPath, '-e', CONNECT]));
  return Number(stdout);
}

const CONNECT = `
const { env } = process;
const url = env.CODEX_EXEC_SERVER_NOISE_REGISTRY_URL + '/cloud/environment/' + env.CODEX_EXEC_SERVER_NOISE_ENVIRONMENT_ID + '/connect';
const headers = { 'content-type': 'application/json', authorization: 'Bearer ' + env.CODEX_EXEC_SERVER_NOISE_AUTH_TOKEN };
fetch(url, { method: 'POST', headers, body: '{}' }).then((response) => console.log(response.status));
`;
