import { afterEach, describe, expect, it } from 'vitest';
import type { Harness } from '../../src/harness/index.ts';
import { fingerprintOf } from '../../src/wire/index.ts';
import { eventually, Plane, run } from './plane.ts';
import { sessionIn } from './raw-harness.ts';

let plane: Plane;
afterEach(() => plane.close());

const STREAMS = 20;

async function counting(harness: Harness): Promise<string> {
  const { stdout } = await run(harness, ['/bin/sh', '-c', 'for i in 1 2 3 4 5 6; do seq 1 1000; sleep 0.5; done']);
  return stdout;
}

const expected = Array.from({ length: 6 }, () => Array.from({ length: 1000 }, (_, n) => `${n + 1}\n`).join('')).join(
  '',
);

/** Until a new harness is given this key. */
async function served(id: string): Promise<void> {
  const wanted = fingerprintOf(plane.key(id).publicKey);
  await eventually(async () => {
    const harness = await plane.harness();
    const { fingerprint } = harness.diagnostics;
    await harness.close();
    return fingerprint === wanted;
  });
}

describe('a new key beside the old one', () => {
  it('is given to new harnesses while running ones notice nothing', async () => {
    plane = await Plane.start();
    const harnesses = await Promise.all(Array.from({ length: STREAMS }, () => plane.harness()));
    const outputs = harnesses.map(counting);
    plane.addKey('k2');
    await served('k2');
    for (const output of await Promise.all(outputs)) expect(output === expected).toBe(true);
    const k1 = fingerprintOf(plane.key('k1').publicKey);
    for (const harness of harnesses) {
      expect(harness.diagnostics.fingerprint).toBe(k1);
      await harness.close();
    }
  });

  it('is not given to a harness that recovers, also when relay and registry died in between', async () => {
    plane = await Plane.start();
    const raw = await plane.raw();
    const session = sessionIn(await raw.initialize());
    plane.addKey('k2');
    await served('k2');
    raw.vanish();
    await Promise.all([plane.endRelay(), plane.registry?.close()]);
    await plane.startRegistry();
    await plane.startRelay();
    const again = await eventually(() => plane.raw(raw.keypair).catch(() => undefined));
    expect(again.bundle.executor_public_key).toEqual(raw.bundle.executor_public_key);
    expect(sessionIn(await again.initialize(session))).toBe(session);
  });
});

describe('an old key that is taken away', () => {
  it('keeps its attached streams; a later recovery fails and the next command works', async () => {
    plane = await Plane.start();
    const harness = await plane.harness();
    plane.addKey('k2');
    await served('k2');
    const output = counting(harness);
    plane.removeKey('k1');
    expect((await output) === expected).toBe(true);
    const sleeping = await harness.exec({ argv: ['/bin/sleep', '1000'] });
    sleeping.stdout.resume();
    sleeping.stderr.resume();
    plane.proxy?.cut('harness');
    await expect(sleeping.closed).rejects.toBeDefined();
    expect(await run(harness, ['/bin/echo', 'again'])).toEqual({ exitCode: 0, stdout: 'again\n' });
    expect(harness.diagnostics.fingerprint).toBe(fingerprintOf(plane.key('k2').publicKey));
    await harness.close();
  });

  it('is cut at once when it is revoked, and its processes end', async () => {
    plane = await Plane.start();
    plane.addKey('k2');
    const raw = await plane.raw();
    await raw.initialize();
    const revoked = raw.bundle.executor_public_key;
    const isFirst = revoked.x25519_public_key === Buffer.from(plane.key('k1').publicKey.x25519).toString('base64');
    plane.setKeyState(isFirst ? 'k1' : 'k2', 'Revoked');
    expect(await raw.ended).toMatch(/reset|closed/);
    const other = await eventually(() => plane.raw().catch(() => undefined));
    expect(other.bundle.executor_public_key).not.toEqual(revoked);
    expect(sessionIn(await other.initialize())).toBeDefined();
  });
});
