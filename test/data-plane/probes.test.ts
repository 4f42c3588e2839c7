import { afterEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/telemetry/index.ts';
import { eventually, Plane, run } from './plane.ts';

let plane: Plane;
afterEach(() => plane.close());

/** Timers that are up in a quarter of their time: probes are seconds apart. What is compared with a time of day stays as it is. */
const hastened: Clock = {
  now: () => systemClock.now(),
  after: (milliseconds, act) => systemClock.after(milliseconds / 4, act),
};

async function servedTimes(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const harness = await plane.harness();
    expect(await run(harness, ['/bin/echo', `${n}`])).toEqual({ stdout: `${n}\n`, exitCode: 0 });
    await harness.close();
  }
}

describe('a relay that accepts and does not forward, beside a good one', () => {
  it('is told and sent nobody, and everybody again once it is mended', async () => {
    plane = await Plane.start({ relays: 1, registryClock: hastened });
    const deaf = await plane.startDeafRelay();
    // The sidecar is on both, so that the deaf one looks as good as the other, and comes first.
    await eventually(() => plane.proxy?.open('environment') === 2);

    await eventually(() => !deaf.isReady);
    await servedTimes(5);
    expect(deaf.harnesses).toBe(0);
    expect(plane.relays[0]?.notReady()).toBeUndefined();

    deaf.mend();
    await eventually(() => deaf.isReady);
    await servedTimes(1);
    expect(deaf.harnesses).toBe(1);
  });
});
