import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../telemetry/index.ts';
import {
  type ExecutorTicket,
  PROBE_GRANT,
  PROBE_IDENTITY,
  type PresenceToRegistry,
  probeText,
  RESET_PROTOCOL_ERROR,
} from '../wire/index.ts';
import { type RunningRelay, startRelay } from './relay.ts';
import { executorTicket, Fleet } from './testing/fleet.ts';
import type { Peer } from './testing/peer.ts';
import { PRESENCE_SECRET, ScriptedRegistry } from './testing/scripted-registry.ts';

const QUESTION = probeText('n'.repeat(22));

/** Says whether its probes are answered; returns when the relay has heard it. */
async function says(speaker: ScriptedRegistry, answered: boolean): Promise<void> {
  speaker.send({ type: 'forwarding', answered });
  const nonce = randomUUID();
  speaker.send({ type: 'ping', nonce, registrationId: executorTicket().registrationId });
  await speaker.saw((message) => message.type === 'pong' && message.nonce === nonce);
}

describe('a probe of a registry', () => {
  let fleet: Fleet;
  beforeEach(async () => {
    fleet = await Fleet.start();
  });
  afterEach(() => fleet.stop());

  async function probe(ticket: ExecutorTicket): Promise<{ prober: Peer; streamId: string }> {
    const prober = await fleet.harness(ticket, { identityHash: PROBE_IDENTITY, grant: PROBE_GRANT });
    const streamId = randomUUID();
    prober.send(streamId, { type: 'handshake', payload: Buffer.from(QUESTION) });
    return { prober, streamId };
  }

  it('waits for no place: more than three unanswered ones reach our sidecar at once', async () => {
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const probes = await Promise.all(Array.from({ length: 5 }, () => probe(ticket)));
    for (const { streamId } of probes) await executor.frame(streamId, 'handshake');
  });

  it.each([
    ['its answer', QUESTION],
    ['the answer of a sidecar of an earlier release', RESET_PROTOCOL_ERROR],
  ])('is nobody’s failure when %s comes', async (_what, reason) => {
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    for (let n = 0; n < 5; n += 1) {
      const { prober, streamId } = await probe(ticket);
      await executor.frame(streamId, 'handshake');
      executor.send(streamId, { type: 'reset', reason });
      expect((await prober.frame(streamId, 'reset')).body).toEqual({ type: 'reset', reason });
      await prober.closed();
    }
    expect(fleet.registry.received.filter(({ type }) => type === 'penalty')).toEqual([]);
    await fleet.stream(ticket, executor);
  });

  it('counts like anybody at a real executor, which counts what fails', async () => {
    const ticket = executorTicket();
    const executor = await fleet.real(ticket);
    for (let n = 0; n < 3; n += 1) {
      const { prober, streamId } = await probe(ticket);
      await executor.frame(streamId, 'handshake');
      executor.send(streamId, { type: 'reset', reason: RESET_PROTOCOL_ERROR });
      await prober.closed();
    }
    await expect(probe(ticket)).rejects.toMatchObject({ status: 401, code: 'rate_limited' });
  });

  it('is in no access log and in no list of those who were let in', async () => {
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const { harness } = await fleet.stream(ticket, executor);
    const { prober, streamId } = await probe(ticket);
    await executor.frame(streamId, 'handshake');
    const isList = (message: PresenceToRegistry) => message.type === 'access';
    fleet.registry.received.length = 0;

    fleet.registry.cut();

    const list = await fleet.registry.saw(isList);
    expect(list).toMatchObject({ entries: [{ grant: 'default/dev' }] });
    executor.send(streamId, { type: 'reset', reason: QUESTION });
    await prober.closed();
    harness.leave();
    const logged = (text: string) => fleet.log.filter((line) => line.includes(text));
    await executor.until(() => logged('harness socket closed').length > 0 && logged('probe ended').length > 0);
    expect(logged('harness socket').filter((line) => line.includes(PROBE_IDENTITY))).toEqual([]);
  });
});

describe('a relay through which nothing comes', () => {
  let fleet: Fleet;
  beforeEach(async () => {
    fleet = await Fleet.start();
  });
  afterEach(() => fleet.stop());

  it('lets harnesses and real executors go, which recover elsewhere, and keeps our sidecars to be probed', async () => {
    const [ours, theirs] = [executorTicket(), executorTicket()];
    const sidecar = await fleet.sidecar(ours);
    const real = await fleet.real(theirs);
    const { harness } = await fleet.stream(ours, sidecar);

    await says(fleet.registry, false);

    expect(await harness.closed()).toEqual({ code: 1001, reason: 'not_forwarding' });
    await real.closed();
    await expect(fleet.real(theirs)).rejects.toMatchObject({ status: 503, code: 'draining' });
    const another = await fleet.sidecar(executorTicket());
    expect([sidecar, another].map(({ closedWith }) => closedWith)).toEqual([undefined, undefined]);

    await says(fleet.registry, true);
    await fleet.stream(ours, sidecar);
    await fleet.real(theirs);
  });
});

describe('a relay', () => {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function registry(registryId: string): Promise<ScriptedRegistry> {
    const started = await ScriptedRegistry.start({ registryId });
    ends.push(() => started.close());
    return started;
  }

  async function relayAt(...registries: ScriptedRegistry[]): Promise<RunningRelay> {
    const relay = await startRelay({
      ...{ host: '127.0.0.1', port: 0, registryUrls: registries.map(({ url }) => url), limits: { drainMs: 0 } },
      presenceSecret: () => Promise.resolve(PRESENCE_SECRET),
      logger: createLogger({ component: 'relay', level: 'silent' }),
    });
    ends.push(() => relay.close());
    for (const each of registries) await each.sawType('access');
    return relay;
  }

  const DEAF = 'no registry gets its probes through this relay';

  it('is unready while no registry gets its probes through it, and ready again when one does', async () => {
    const [first, second] = [await registry('one'), await registry('two')];
    const relay = await relayAt(first, second);
    expect(relay.notReady()).toBeUndefined();

    await says(first, false);
    expect(relay.notReady()).toBeUndefined();
    await says(second, false);
    expect(relay.notReady()).toBe(DEAF);
    await says(first, true);
    expect(relay.notReady()).toBeUndefined();
  });

  it('goes by the registries that it is in touch with', async () => {
    const [first, second] = [await registry('one'), await registry('two')];
    const relay = await relayAt(first, second);
    await says(first, false);
    await second.close();
    // Until it has noticed; the test's own timeout is the limit.
    while (relay.notReady() !== DEAF) await says(first, false);
  });

  it('is ready when a registry comes that knows nothing of probes, or nothing yet', async () => {
    const first = await registry('one');
    const relay = await relayAt(first);
    await says(first, false);
    expect(relay.notReady()).toBe(DEAF);
    first.received.length = 0;
    first.cut();
    await first.sawType('access');
    expect(relay.notReady()).toBeUndefined();
  });
});
