import { describe, expect, it } from 'vitest';
import { pause } from './pause.ts';
import { ManualClock } from './testing/manual-clock.ts';

describe('a pause', () => {
  it('is over when its time has passed', async () => {
    const clock = new ManualClock();
    const over = pause(500, clock);
    clock.advance(499);
    expect(clock.armed).toBe(1);

    clock.advance(1);

    await over;
  });

  it('ends with the reason of whoever has no time for it, and leaves no timer', async () => {
    const clock = new ManualClock();
    const aborter = new AbortController();
    const over = pause(500, clock, aborter.signal);

    aborter.abort(new Error('closing'));

    await expect(over).rejects.toThrow('closing');
    expect(clock.armed).toBe(0);
    await expect(pause(500, clock, aborter.signal)).rejects.toThrow('closing');
    expect(clock.armed).toBe(0);
  });
});
