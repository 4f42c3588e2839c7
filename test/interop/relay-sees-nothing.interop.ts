import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newestCodex } from './codex.ts';
import { startCodexTurn } from './codex-turn.ts';
import { finished, type ProxiedFleet, startProxiedFleet } from './fleet.ts';
import { fleetOf } from './manifests.ts';
import { giveAway } from './user.ts';
import { waitFor } from './wait-for.ts';

const FILE_BYTES = 131_072;
const SPOKEN = 'a sentence that only the two ends may read';

/** What Codex's own relay test claims of Codex's own relay, here of ours. */
describe('a relay between a real Codex and our executor', () => {
  let fleet: ProxiedFleet;
  beforeAll(async () => {
    fleet = await startProxiedFleet({ capture: true, manifests: fleetOf('BuiltIn') });
  });
  afterAll(async () => {
    await fleet?.stop();
  });

  it('gets a fresh bundle for each attempt, carries the RPC, and sees none of it', async () => {
    const turn = await startCodexTurn({
      fleet,
      release: newestCodex,
      environment: 'builtin',
      steps: [() => ({ kind: 'exec', command: `echo ${SPOKEN}; sleep 3; echo over` })],
    });
    await waitFor('the harness to be connected', () => fleet.proxy.open('harness') > 0);
    const first = fleet.proxy.requestLines('harness');
    fleet.proxy.cut('harness');
    const { code, outputs } = await turn.result;

    expect(code).toBe(0);
    expect(outputs[0]).toContain('over');
    expect(first).toHaveLength(1);
    expect(new Set(fleet.proxy.requestLines('harness')).size).toBeGreaterThanOrEqual(2);

    const seen = fleet.proxy.captured().toString('latin1');
    expect(seen.length).toBeGreaterThan(8_000);
    for (const word of ['initialize', 'process/start', 'codex-environment', SPOKEN]) expect(seen).not.toContain(word);
  });

  it('delivers a file of 128 KiB byte for byte', async () => {
    const sent = randomBytes(FILE_BYTES);
    const [here, there, back] = [join(fleet.scratch, 'a'), join(fleet.workspace, 'a'), join(fleet.scratch, 'b')];
    writeFileSync(here, sent);
    giveAway(here);
    expect(await finished(fleet.noisefleet(['cp', here, `builtin:${there}`]))).toMatchObject({ code: 0 });
    expect(await finished(fleet.noisefleet(['cp', `builtin:${there}`, back]))).toMatchObject({ code: 0 });
    expect(createHash('sha256').update(readFileSync(back)).digest('hex')).toBe(
      createHash('sha256').update(sent).digest('hex'),
    );
    expect(fleet.proxy.captured().indexOf(sent.subarray(0, 32))).toBe(-1);
  });
});
