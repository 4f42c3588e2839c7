import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { generateKeypair } from '../../src/noise/index.ts';
import { parseEnvironmentId } from '../../src/wire/index.ts';
import { eventually, Plane, run } from './plane.ts';
import { RawHarness, sessionIn } from './raw-harness.ts';

let plane: Plane;
afterEach(() => plane.close());

describe('a hostile client that may connect', () => {
  it.each([
    ['of noise', async (raw: RawHarness) => raw.sendFrame({ type: 'handshake', payload: randomBytes(3700) })],
    [
      'to another key',
      async (raw: RawHarness) =>
        void raw.shakeHands({ executorPublicKey: generateKeypair().publicKey }).catch(() => {}),
    ],
    [
      'for another environment',
      async (raw: RawHarness) => void raw.shakeHands({ environmentId: parseEnvironmentId('other') }).catch(() => {}),
    ],
    [
      'with a forged authorization',
      async (raw: RawHarness) => void raw.shakeHands({ authorization: 'eyJ.eyJ.x' }).catch(() => {}),
    ],
    [
      'with another harness key',
      async (raw: RawHarness) => void raw.shakeHands({ keypair: generateKeypair() }).catch(() => {}),
    ],
  ])('has a handshake %s reset', async (_, attack) => {
    plane = await Plane.start();
    const raw = await RawHarness.knock(plane.rawOptions());
    await attack(raw);
    expect(await raw.ended).toMatch(/reset|closed/);
    expect(sessionIn(await (await plane.raw()).initialize())).toBeDefined();
  });

  it('cannot replay a handshake, on the same ticket or a fresh one', async () => {
    plane = await Plane.start();
    const first = await plane.raw();
    await first.initialize();
    const again = await RawHarness.knock(plane.rawOptions(first.keypair));
    const replayed = again.shakeHands({ authorization: first.bundle.harness_key_authorization });
    await expect(replayed).rejects.toThrow(/reset|closed/);
  });

  it('disturbs no session beside it and stops no recovery', async () => {
    plane = await Plane.start();
    const harness = await plane.harness();
    const remote = await harness.exec({
      argv: ['/bin/sh', '-c', 'for i in 1 2 3 4 5 6 7 8; do seq 1 2000; sleep 0.25; done'],
    });
    remote.stderr.resume();
    let stop = false;
    const options = { ...plane.rawOptions(), token: plane.otherToken };
    let attempts = 0;
    const attack = (async () => {
      while (!stop) {
        const raw = await RawHarness.knock(options).catch(() => undefined);
        raw?.sendFrame({ type: 'handshake', payload: randomBytes(3700) });
        raw?.sendFrame({ type: 'data', seq: 0, payload: randomBytes(100) });
        await raw?.ended;
        attempts += 1;
      }
    })();
    let lines = 0;
    let isCut = false;
    for await (const chunk of remote.stdout) {
      lines += String(chunk).split('\n').length - 1;
      if (lines > 4000 && !isCut) isCut = (plane.proxy?.cut('environment') ?? 0) > 0;
    }
    stop = true;
    await attack;
    expect(lines).toBe(16_000);
    expect(isCut).toBe(true);
    expect(attempts).toBeGreaterThan(3);
    await harness.close();
  });

  it('may send a stream of garbage and ends only itself', async () => {
    plane = await Plane.start();
    const healthy = await plane.raw();
    await healthy.initialize();
    for (const text of ['not json', '[]', '{"id":null,"method":"x"}', '{"id":1,"id":2,"method":"initialize"}']) {
      const raw = await plane.raw();
      raw.sendText(text);
      await eventually(() => raw.ended.then(() => true));
    }
    expect(await healthy.request('environment/status')).toContain('ready');
    const other = await plane.harness();
    expect((await run(other, ['/bin/true'])).exitCode).toBe(0);
    await other.close();
  });
});
