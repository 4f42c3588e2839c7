import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RESET_REGISTRY_UNAVAILABLE } from '../wire/index.ts';
import { executorTicket, Fleet } from './testing/fleet.ts';
import type { Peer } from './testing/peer.ts';

let fleet: Fleet;
beforeEach(async () => {
  fleet = await Fleet.start();
});
afterEach(() => fleet.stop());

async function knock(ticket: ReturnType<typeof executorTicket>, identityHash = 'identity-a') {
  const harness = await fleet.harness(ticket, { identityHash });
  const streamId = randomUUID();
  harness.send(streamId, { type: 'handshake', payload: Buffer.from('message 1') });
  return { harness, streamId };
}

const handshakes = (executor: Peer) => executor.frames.filter(({ body }) => body.type === 'handshake').length;

describe('handshakes of one identity at one executor', () => {
  it('are passed on three at a time; the fourth goes when one of them is answered', async () => {
    const ticket = executorTicket();
    const executor = await fleet.real(ticket);
    const first = [await knock(ticket), await knock(ticket), await knock(ticket)];
    for (const { streamId } of first) await executor.frame(streamId, 'handshake');
    const fourth = await knock(ticket);
    const other = await knock(ticket, 'identity-b');
    await executor.frame(other.streamId, 'handshake');
    expect(handshakes(executor)).toBe(4);

    executor.send(first[0]?.streamId ?? '', { type: 'handshake', payload: Buffer.from('message 2') });

    await executor.frame(fourth.streamId, 'handshake');
  });

  it('are refused for a minute after three failures, the registries are told, and other identities go on', async () => {
    const ticket = executorTicket();
    const executor = await fleet.real(ticket);
    for (let i = 0; i < 3; i += 1) {
      const { harness, streamId } = await knock(ticket);
      await executor.frame(streamId, 'handshake');
      executor.send(streamId, { type: 'reset', reason: 'noise_relay_protocol_error' });
      await harness.closed();
    }

    const penalty = await fleet.registry.sawType('penalty');
    expect(penalty).toMatchObject({ identityHash: 'identity-a', environmentId: ticket.environmentId });
    await expect(fleet.harness(ticket)).rejects.toMatchObject({ status: 401, code: 'rate_limited' });
    await fleet.stream(ticket, executor, { identityHash: 'identity-b' });
  });

  it('count as failed also when the harness leaves before the verdict', async () => {
    const ticket = executorTicket();
    const executor = await fleet.real(ticket);
    for (let i = 0; i < 3; i += 1) {
      const { harness, streamId } = await knock(ticket);
      await executor.frame(streamId, 'handshake');
      harness.leave();
      await executor.frame(streamId, 'reset');
      executor.send(streamId, { type: 'reset', reason: 'noise_relay_protocol_error' });
    }

    await fleet.registry.sawType('penalty');
  });

  it('do not count when our sidecar could not ask the registry', async () => {
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    for (let i = 0; i < 5; i += 1) {
      const { harness, streamId } = await knock(ticket);
      await executor.frame(streamId, 'handshake');
      executor.send(streamId, { type: 'reset', reason: RESET_REGISTRY_UNAVAILABLE });
      await harness.closed();
    }

    await fleet.stream(ticket, executor);
    expect(fleet.registry.received.filter(({ type }) => type === 'penalty')).toEqual([]);
  });
});
