import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_STREAM_BYTES_IN_FLIGHT } from '../../wire/index.ts';
import { FlowWindow } from './flow.ts';

describe('FlowWindow', () => {
  it('closes at its limit and opens again when the relay reports', () => {
    const window = new FlowWindow(100);
    window.sent(100);
    expect(window.admits(1)).toBe(false);
    window.delivered(50);
    expect(window.inFlight).toBe(50);
    expect(window.admits(50)).toBe(true);
  });

  it('lets one message through even if it is larger than the whole window', () => {
    expect(new FlowWindow(10).admits(1000)).toBe(true);
  });

  it('is not moved by an old report, nor by one of more than was sent', () => {
    const window = new FlowWindow(100);
    window.sent(80);
    window.delivered(60);
    window.delivered(10);
    window.delivered(5000);
    expect(window.inFlight).toBe(20);
  });

  it('never has more in flight than its limit, whatever the relay reports', () => {
    const steps = fc.array(
      fc.oneof(fc.record({ send: fc.integer({ min: 1, max: 61_600 }) }), fc.record({ report: fc.nat() })),
    );
    fc.assert(
      fc.property(steps, (actions) => {
        const window = new FlowWindow();
        for (const action of actions) {
          if ('report' in action) window.delivered(action.report);
          else if (window.admits(action.send)) window.sent(action.send);
          expect(window.inFlight).toBeGreaterThanOrEqual(0);
          expect(window.inFlight).toBeLessThanOrEqual(MAX_STREAM_BYTES_IN_FLIGHT);
        }
      }),
    );
  });
});
