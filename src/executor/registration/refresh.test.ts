import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { eventually, Fixture } from '../testing/fixture.ts';

let fixture: Fixture;
afterEach(() => fixture.close());

const TICKET_LIFE_MS = 600_000;

/** Moves time in steps small enough that no connection looks dead, until `look` is content. */
async function pass(clock: ManualClock, limitMs: number, look: () => boolean): Promise<number> {
  const start = clock.now();
  await eventually(() => {
    if (!look() && clock.now() - start < limitMs) clock.advance(1000);
    return look() || clock.now() - start >= limitMs;
  });
  return clock.now() - start;
}

describe('a registration', () => {
  it('refreshes its ticket long before it ends, and hands it to the relay on its socket', async () => {
    const clock = new ManualClock();
    fixture = await Fixture.start({ clock });
    await eventually(() => fixture.registry.registered.length === 1);
    const socket = await fixture.socket();
    const passed = await pass(clock, TICKET_LIFE_MS, () => fixture.registry.registered.length >= 2);
    expect(passed).toBeLessThan(TICKET_LIFE_MS / 2);
    const told = await eventually(() => socket.control.find((message) => message.type === 'ticket'));
    expect(told.ticket).not.toBe(socket.ticket);
    expect(fixture.relay.accepted.length).toBe(1);
  });

  it('keeps its socket and its streams while the registry refuses a refresh', async () => {
    const clock = new ManualClock();
    fixture = await Fixture.start({ clock });
    await eventually(() => fixture.registry.registered.length === 1);
    const socket = await fixture.socket();
    let refused = 0;
    fixture.registry.registerAnswer = () => {
      refused += 1;
      return { status: 500, body: {} };
    };
    await pass(clock, TICKET_LIFE_MS, () => refused >= 3);
    expect(socket.socket.readyState).toBe(socket.socket.OPEN);
  });
});
