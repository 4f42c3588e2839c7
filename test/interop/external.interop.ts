import type { ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { codexReleases } from './codex.ts';
import { EXECUTOR_HOST, type Fleet, finished, startFleet } from './fleet.ts';
import { fleetOf } from './manifests.ts';
import { joinRealExecutor, startRealExecutor } from './real-executor.ts';
import { giveAway } from './user.ts';

/** The size that Codex's own relay test moves: more than two records. */
const FILE_BYTES = 131_072;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe.each(codexReleases)('our harness drives a real codex exec-server --remote, Codex $version', (release) => {
  let fleet: Fleet;
  let host: ChildProcess | undefined;
  beforeAll(async () => {
    fleet = await startFleet({ manifests: fleetOf('External') });
  });
  afterEach(async () => {
    const left = host?.exitCode === null ? finished(host) : undefined;
    host?.kill('SIGTERM');
    await left;
  });
  afterAll(() => fleet?.stop());

  it.each([
    ['registered by itself', startRealExecutor],
    ['joined by noisefleet join', joinRealExecutor],
  ])('runs commands and moves files, %s', async (_, start) => {
    // Our client waits for it as a real one does: about 14 s.
    host = await start(fleet, 'external', release);
    const failing = await finished(
      fleet.noisefleet(['exec', 'external', '--', 'sh', '-c', 'hostname; echo no >&2; exit 9']),
    );
    expect(failing).toEqual({ code: 9, stdout: `${EXECUTOR_HOST}\n`, stderr: 'no\n' });

    const sent = randomBytes(FILE_BYTES);
    const here = join(fleet.scratch, 'sent.bin');
    writeFileSync(here, sent);
    giveAway(here);
    const there = join(fleet.workspace, 'sent.bin');
    const back = join(fleet.scratch, 'back.bin');
    expect(await finished(fleet.noisefleet(['cp', here, `external:${there}`]))).toMatchObject({ code: 0 });
    const sum = await finished(fleet.noisefleet(['exec', 'external', '--', 'sha256sum', there]));
    expect(sum.stdout).toContain(sha256(sent));
    expect(await finished(fleet.noisefleet(['cp', `external:${there}`, back]))).toMatchObject({ code: 0 });
    expect(sha256(readFileSync(back))).toBe(sha256(sent));
  });
});
