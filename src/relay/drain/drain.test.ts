import { afterEach, describe, expect, it } from 'vitest';
import { controlToRelay } from '../../wire/index.ts';
import { executorTicket, Fleet } from '../testing/fleet.ts';
import type { Peer } from '../testing/peer.ts';

let fleet: Fleet;
afterEach(() => fleet.stop());

const start = async (drainMs = 60_000) => {
  fleet = await Fleet.start({ limits: { drainMs } });
};

/** The sidecar has a socket elsewhere. */
async function move(executor: Peer): Promise<void> {
  await executor.until(({ control }) => control.some(({ type }) => type === 'move'));
  executor.ws.send(controlToRelay.encode({ type: 'leave' }));
  await fleet.registry.sawType('remove');
}

describe('a relay that ends', () => {
  it('asks our sidecar to move, takes it out of presence once it is elsewhere, and closes its harnesses in a quiet moment', async () => {
    await start();
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const { harness } = await fleet.stream(ticket, executor);

    const closing = fleet.relay.close();
    await move(executor);

    expect((await harness.closed()).reason).toBe('draining');
    expect(executor.closedWith).toBeUndefined();
    executor.leave();
    await closing;
  });

  it('still takes a harness whose ticket was made before', async () => {
    await start();
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);

    const closing = fleet.relay.close();
    await move(executor);
    await fleet.stream(ticket, executor);

    executor.leave();
    await closing;
  });

  it('closes a real executor, which knows no such message, when its streams are quiet', async () => {
    await start();
    const ticket = executorTicket();
    const executor = await fleet.real(ticket);
    const { harness } = await fleet.stream({ ...ticket, runtime: 'external' }, executor);

    await fleet.relay.close();

    expect((await executor.closed()).reason).toBe('draining');
    await harness.closed();
    expect(executor.control).toEqual([]);
  });

  it('closes no harness that has not read what is on its way to it, though nothing of that is left here', async () => {
    await start();
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);
    harness.ws.pause();
    for (let seq = 1; seq <= 4; seq += 1) {
      executor.send(streamId, { type: 'data', seq, payload: Buffer.alloc(60_000, 'x') });
    }
    await executor.until(({ control }) => control.some(({ type }) => type === 'delivered'));
    const quick = await fleet.stream(ticket, executor);

    const closing = fleet.relay.close();
    await move(executor);
    await executor.frame(quick.streamId, 'reset');
    expect(executor.frames.filter(({ body }) => body.type === 'reset').length).toBe(1);
    harness.ws.resume();
    await harness.until(({ frames }) => frames.filter(({ body }) => body.type === 'data').length === 4);

    expect((await harness.closed()).reason).toBe('draining');
    executor.leave();
    await closing;
  });

  it('leaves a stream in which something moves alone until its time is over', async () => {
    await start(400);
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);
    const moving = setInterval(() => harness.send(streamId, { type: 'ack' }), 20);

    const closing = fleet.relay.close();
    await move(executor);
    await closing;
    clearInterval(moving);

    expect((await executor.closed()).reason).toBe('relay_closes');
  });
});
