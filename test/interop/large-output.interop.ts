import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ProxiedFleet, startProxiedFleet } from './fleet.ts';
import { fleetOf } from './manifests.ts';
import { connectHarness } from './our-harness.ts';
import { waitFor } from './wait-for.ts';

/** `seq` prints 53.9 MB: more than all buffers between the command and a reader that stopped. */
const LAST_NUMBER = 7_000_000;

const FAULTS = ['the harness socket is cut', 'the executor socket is cut', 'the relay process is killed'] as const;

describe('50 MiB of output in flight to a reader that stopped', () => {
  let fleet: ProxiedFleet;
  beforeAll(async () => {
    fleet = await startProxiedFleet({ manifests: fleetOf('BuiltIn') });
  });
  afterAll(async () => {
    await fleet?.stop();
  });

  it.each(FAULTS)('arrives complete and in order although %s', async (fault) => {
    const harness = await connectHarness(fleet, 'builtin');
    const done = `${fleet.workspace}/printed-${FAULTS.indexOf(fault)}`;
    const script = `seq 1 ${LAST_NUMBER}; touch ${done}`;
    const remote = await harness.exec({ argv: ['/bin/sh', '-c', script] });
    remote.stderr.resume();
    await once(remote.stdout, 'readable');
    await waitFor('the command to have printed all', () => existsSync(fleet.onExecutor(done)));

    strike(fault);
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of remote.stdout) {
      bytes += chunk.length;
      hash.update(chunk);
    }

    const expected = expectedOutput();
    expect(bytes).toBe(expected.bytes);
    expect(hash.digest('hex')).toBe(expected.sha256);
    expect(await remote.closed).toMatchObject({ exitCode: 0 });
    harness.close();
  });

  function strike(fault: (typeof FAULTS)[number]): void {
    if (fault === 'the relay process is killed') process.kill(fleet.processes().relay.pid, 'SIGKILL');
    else expect(fleet.proxy.cut(fault === 'the harness socket is cut' ? 'harness' : 'environment')).toBeGreaterThan(0);
  }
});

function expectedOutput(): { bytes: number; sha256: string } {
  const hash = createHash('sha256');
  let bytes = 0;
  for (let from = 1; from <= LAST_NUMBER; from += 100_000) {
    const lines = Array.from(
      { length: Math.min(100_000, LAST_NUMBER - from + 1) },
      (_, index) => `${from + index}\n`,
    ).join('');
    bytes += lines.length;
    hash.update(lines);
  }
  return { bytes, sha256: hash.digest('hex') };
}
