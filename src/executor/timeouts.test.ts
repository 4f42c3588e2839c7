import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../telemetry/testing/manual-clock.ts';
import { eventually, Fixture } from './testing/fixture.ts';
import { sessionIn, TestHarness } from './testing/test-harness.ts';

let fixture: Fixture;
afterEach(() => fixture.close());

/** Moves time a second at a time, letting sockets speak in between, until `promise` settles; says how many seconds that took. */
async function secondsUntil(clock: ManualClock, promise: Promise<unknown>): Promise<number> {
  const start = clock.now();
  let isSettled = false;
  promise.finally(() => {
    isSettled = true;
  });
  while (!isSettled) {
    clock.advance(1000);
    await delay(5);
  }
  return (clock.now() - start) / 1000;
}

async function stranger(): Promise<TestHarness> {
  const socket = await fixture.socket();
  const { environmentId } = fixture.registry;
  return new TestHarness({ socket, environmentId, executorKey: fixture.key('k1').publicKey });
}

describe('what does not answer', () => {
  it('an exec-server that is not there costs the stream after about 8 s', async () => {
    const clock = new ManualClock();
    fixture = await Fixture.prepare();
    const { url: execServerUrl } = fixture.execServer;
    await fixture.execServer.close();
    await fixture.startExecutor({ clock, execServerUrl });
    const harness = await fixture.harness();
    expect(await secondsUntil(clock, harness.reset)).toBeGreaterThanOrEqual(8);
    expect(fixture.log.lines('stream failed')).toMatchObject([{ reason: 'exec_server_unreachable' }]);
  });

  it('a registry that does not answer validate in 10 s is told apart from one that says no', async () => {
    const clock = new ManualClock();
    fixture = await Fixture.start({ clock });
    fixture.registry.validateAnswer = () => new Promise(() => undefined);
    const harness = await stranger();
    harness.knock();
    await eventually(() => fixture.registry.validated.length === 1);
    expect(await secondsUntil(clock, harness.reset)).toBeGreaterThanOrEqual(10);
    expect(await harness.reset).toBe('registry_unavailable');
  });

  it('a harness that does not come back within 120 s has lost its session', async () => {
    const clock = new ManualClock();
    fixture = await Fixture.start({ clock });
    const first = await fixture.harness();
    const session = sessionIn(await first.initialize());
    first.leave();
    await eventually(() => fixture.log.lines('stream closed').length === 1);
    const expired = eventually(() => fixture.log.lines('session closed').length === 1);
    expect(await secondsUntil(clock, expired)).toBeGreaterThanOrEqual(120);
    const late = await fixture.harness({ keypair: first.keypair });
    expect(await late.initialize(session)).toMatchObject({ error: { code: -32600 } });
  });

  it('a relay that falls silent is dialled again', async () => {
    const clock = new ManualClock();
    fixture = await Fixture.start({ clock });
    const { socket } = await fixture.socket();
    socket.pause();
    const redialled = eventually(() => fixture.relay.accepted.length === 2);
    expect(await secondsUntil(clock, redialled)).toBeGreaterThanOrEqual(10);
  });
});
