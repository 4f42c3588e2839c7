import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../telemetry/index.ts';
import { ManualClock, settle } from '../../telemetry/testing/manual-clock.ts';
import { MemoryApiServer } from '../memory/memory-api-server.ts';
import { configMaps, events } from '../objects/builtin.ts';
import { cutToBytes } from './event.ts';
import { EventRecorder } from './recorder.ts';

const log = createLogger({ component: 'test', level: 'silent' });
const ROTATED = { type: 'Normal', reason: 'KeyRotated', action: 'Rotate', note: 'k2 follows k1' } as const;

async function fixture() {
  const clock = new ManualClock();
  const server = new MemoryApiServer({ clock });
  const api = server.api();
  const regarding = await api.create(configMaps, { metadata: { namespace: 'team-a', name: 'x'.repeat(253) } });
  const reporter = { reportingController: 'noisefleet.dev/operator', reportingInstance: 'operator-1' };
  const recorder = new EventRecorder({ api, ...reporter, clock, log });
  const stop = new AbortController();
  const running = recorder.run(stop.signal);
  const recorded = async () => (await api.list(events, { namespace: 'team-a' })).items;
  return { clock, server, regarding, recorder, stop, running, recorded };
}

describe('EventRecorder', () => {
  it('records what happened with microsecond times, an action and who says so', async () => {
    const { regarding, recorder, stop, running, recorded } = await fixture();
    recorder.record(regarding, ROTATED);
    await settle();
    stop.abort();
    await running;

    expect(await recorded()).toMatchObject([
      {
        ...ROTATED,
        eventTime: '2026-11-21T08:00:00.000000Z',
        reportingController: 'noisefleet.dev/operator',
        regarding: { kind: 'ConfigMap', namespace: 'team-a', uid: regarding.metadata.uid },
      },
    ]);
  });

  it('makes one series of what happens again and again, written once a minute', async () => {
    const { clock, server, regarding, recorder, stop, running, recorded } = await fixture();
    for (let seconds = 0; seconds < 90; seconds++) {
      recorder.record(regarding, ROTATED);
      await clock.advanceSlowly(1_000, 1_000);
    }
    const writes = server.requests.filter((request) => /^(POST|PATCH) .*events/.test(request));
    stop.abort();
    await running;

    expect(writes).toHaveLength(2);
    expect(await recorded()).toMatchObject([{ series: { count: 90 } }]);
  });

  it('sends after the server was away, and drops what is refused for good', async () => {
    const { clock, server, regarding, recorder, stop, running, recorded } = await fixture();
    const back = server.intercept(() => ({ status: 500, body: {} }));
    recorder.record(regarding, ROTATED);
    await clock.advanceSlowly(1_000);
    back();
    await clock.advanceSlowly(20_000, 1_000);
    recorder.record(regarding, { ...ROTATED, reason: '' });
    await settle();
    stop.abort();
    await running;

    expect(await recorded()).toHaveLength(1);
  });
});

describe('cutToBytes', () => {
  it('keeps to the limit and never cuts a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.integer({ min: 4, max: 60 }), (text, limit) => {
        const cut = cutToBytes(text, limit);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(Math.max(limit, 0));
        expect(cut).not.toContain('\ufffd');
        if (Buffer.byteLength(text) <= limit) expect(cut).toBe(text);
      }),
    );
  });
});
