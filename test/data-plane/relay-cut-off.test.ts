import { afterEach, describe, expect, it } from 'vitest';
import { decodePublicKey, fingerprintOf } from '../../src/wire/index.ts';
import { Line } from '../faults/line.ts';
import { eventually, Plane } from './plane.ts';

let plane: Plane;
let line: Line | undefined;
afterEach(async () => {
  await plane.close();
  await line?.close();
});

/** Sockets of the sidecar, at all relays. */
const executorSockets = () => plane.proxy?.open('environment') ?? 0;

/** Whether a new harness is given this key, and served by it. */
async function isServed(id: string): Promise<boolean> {
  const harness = await plane.raw();
  await harness.initialize();
  harness.vanish();
  const { publicKey } = plane.key(id);
  return fingerprintOf(decodePublicKey(harness.bundle.executor_public_key)) === fingerprintOf(publicKey);
}

describe('two relays, of which one is cut off from the registry', () => {
  it('serve a key that is made meanwhile, though its sidecar came to that one first, and what is open goes on', async () => {
    plane = await Plane.start({ relays: 1 });
    line = await Line.lay(() => new URL(plane.registryUrl));
    const cutOff = await plane.startRelay([line.url]);
    await eventually(() => executorSockets() === 2);
    const attached = [await plane.raw(), await plane.raw()];
    for (const harness of attached) await harness.initialize();

    line.cut();
    await eventually(() => plane.log.has('relay', 'presence lost'));
    // The Service has only this one for a moment.
    const [good] = plane.relays.splice(0, 1);
    plane.addKey('k2');
    await eventually(() => cutOff.levels().sockets.executor === 2);
    if (good !== undefined) plane.relays.push(good);

    await eventually(() => isServed('k2'));
    expect(cutOff.levels().sockets.executor).toBe(2);
    for (const harness of attached) expect(await harness.request('environment/info')).toContain('"result"');

    line.mend();
    await eventually(() => cutOff.notReady() === undefined && plane.log.lines('relay', 'presence entered').length > 2);
    expect(await isServed('k2')).toBe(true);
  });
});
