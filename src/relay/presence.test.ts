import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../telemetry/index.ts';
import { ManualClock } from '../telemetry/testing/manual-clock.ts';
import {
  controlToRelay,
  fingerprintOf,
  MAX_PRESENCE_MESSAGE_BYTES,
  MAX_SESSION_ENTRIES,
  type PresenceToRegistry,
  parseKeyHash,
} from '../wire/index.ts';
import { ALONE_MS } from './limits.ts';
import { startRelay } from './relay.ts';
import { executorTicket, Fleet } from './testing/fleet.ts';
import { PRESENCE_SECRET, ScriptedRegistry } from './testing/scripted-registry.ts';

let fleet: Fleet;
beforeEach(async () => {
  fleet = await Fleet.start();
});
afterEach(() => fleet.stop());

const ofType =
  <T extends PresenceToRegistry['type']>(type: T) =>
  (message: PresenceToRegistry): message is Extract<PresenceToRegistry, { type: T }> =>
    message.type === type;

describe('presence', () => {
  it('begins with boot id and port, then the snapshot, then its load and whom it has let in', async () => {
    const port = Number(new URL(fleet.relay.url).port);
    await fleet.registry.saw(ofType('access'));

    expect(fleet.registry.received).toEqual([
      { type: 'hello', bootId: fleet.relay.bootId, port },
      { type: 'snapshot', entries: [] },
      { type: 'load', streams: 0, bytesPerSecond: 0, draining: false },
      { type: 'access', entries: [] },
    ]);
  });

  it('is told in parts that a registry takes, however many sessions there are', async () => {
    const sessions = Array.from({ length: MAX_SESSION_ENTRIES }, (_, n) => ({
      harness: parseKeyHash(`SHA256:${String(n).padStart(43, 's')}`),
      registrationId: executorTicket().registrationId,
    }));
    const executors = 140;
    for (let n = 0; n < executors; n += 1) await fleet.sidecar(executorTicket(), sessions);
    await fleet.registry.saw(() => fleet.registry.received.filter(ofType('add')).length === executors);
    fleet.registry.received.length = 0;

    fleet.registry.cut();
    await fleet.registry.saw(ofType('access'));

    const told = fleet.registry.received;
    for (const message of told) expect(JSON.stringify(message).length).toBeLessThan(MAX_PRESENCE_MESSAGE_BYTES);
    const [snapshot] = told.filter(ofType('snapshot'));
    expect(snapshot?.entries.length).toBeGreaterThan(1);
    expect((snapshot?.entries.length ?? 0) + told.filter(ofType('add')).length).toBe(executors);
  });

  it('of our sidecar begins with its session table, and follows its changes and its ticket', async () => {
    const ticket = executorTicket();
    const { registrationId } = ticket;
    const session = { harness: parseKeyHash(`SHA256:${'s'.repeat(43)}`), registrationId };
    const executor = await fleet.sidecar(ticket, [session]);
    expect((await fleet.registry.saw(ofType('add'))).entry.sessions).toEqual([session]);

    executor.ws.send(controlToRelay.encode({ type: 'sessions', sessions: [] }));
    expect(await fleet.registry.saw(ofType('sessions'))).toEqual({ type: 'sessions', registrationId, sessions: [] });
    const refreshed = await fleet.registry.signer.signExecutorTicket(ticket, fleet.now() + 1);
    executor.ws.send(controlToRelay.encode({ type: 'ticket', ticket: refreshed }));
    await fleet.registry.saw((message) => message.type === 'add' && message.entry.ticket === refreshed);
    executor.leave();
    expect(await fleet.registry.saw(ofType('remove'))).toEqual({ type: 'remove', registrationId });
  });

  it('follows an executor that changes all the time with its first word at once and its last word soon', async () => {
    await fleet.stop();
    const clock = new ManualClock();
    fleet = await Fleet.start({ clock });
    const ticket = executorTicket();
    const { registrationId } = ticket;
    const executor = await fleet.sidecar(ticket);
    const tables = Array.from({ length: 500 }, (_, n) => [
      { harness: parseKeyHash(`SHA256:${String(n).padStart(43, 's')}`), registrationId },
    ]);
    for (const sessions of tables) executor.ws.send(controlToRelay.encode({ type: 'sessions', sessions }));
    executor.ws.send(controlToRelay.encode({ type: 'ping', nonce: 'all said' }));
    await executor.until(({ control }) => control.some(({ type }) => type === 'pong'));
    await clock.advanceTurnByTurn(100);

    await fleet.registry.saw((message) => message.type === 'sessions' && JSON.stringify(message).includes('s499'));
    const told = fleet.registry.received.filter(ofType('sessions')).map(({ sessions }) => sessions);
    expect(told).toEqual([tables[0], tables[499]]);
  });

  it('of a real executor begins at once', async () => {
    await fleet.real(executorTicket());

    await fleet.registry.sawType('add');
  });

  it('is taken up again with a whole snapshot when a registry was away', async () => {
    const ticket = executorTicket();
    await fleet.real(ticket);
    await fleet.registry.sawType('add');
    fleet.registry.received.length = 0;

    fleet.registry.cut();

    expect((await fleet.registry.saw(ofType('snapshot'))).entries).toHaveLength(1);
  });

  it('answers for an executor that answers a ping, and not for one that is not here', async () => {
    const ticket = executorTicket();
    await fleet.real(ticket);
    const gone = executorTicket().registrationId;

    fleet.registry.send({ type: 'ping', nonce: '1', registrationId: ticket.registrationId });
    fleet.registry.send({ type: 'ping', nonce: '2', registrationId: gone });

    await fleet.registry.saw((message) => message.type === 'pong' && message.nonce === '1' && message.alive);
    await fleet.registry.saw((message) => message.type === 'pong' && message.nonce === '2' && !message.alive);
  });

  it('cuts what a deny hits before it acknowledges', async () => {
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const { harness } = await fleet.stream(ticket, executor);
    const now = fleet.now();
    const denied = { id: 'deny-1', environmentId: ticket.environmentId, since: now, until: now + 600 };

    const match = { fingerprint: fingerprintOf(ticket.publicKey) };
    fleet.registry.send({ type: 'deny', deny: { ...denied, match, reason: 'revoked' } });

    await fleet.registry.saw(ofType('ack'));
    await executor.closed();
    await harness.closed();
  });

  it('of a key that its sidecar has no longer ends while its streams go on, and begins again with the key', async () => {
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);
    fleet.registry.received.length = 0;

    executor.ws.send(controlToRelay.encode({ type: 'serving', serving: false }));
    await fleet.registry.sawType('remove');
    await expect(fleet.harness(ticket)).rejects.toMatchObject({ status: 401, code: 'executor_gone' });
    executor.send(streamId, { type: 'data', seq: 0, payload: Buffer.from('x') });
    await harness.frame(streamId, 'data');
    fleet.registry.cut();
    expect((await fleet.registry.saw(ofType('snapshot'))).entries).toEqual([]);

    executor.ws.send(controlToRelay.encode({ type: 'serving', serving: true }));
    await fleet.registry.sawType('add');
    await fleet.stream(ticket, executor);
  });

  it('does not begin again for a key that comes back where its sidecar has left', async () => {
    const executor = await fleet.sidecar(executorTicket());
    fleet.registry.received.length = 0;

    executor.ws.send(controlToRelay.encode({ type: 'leave' }));
    for (const serving of [false, true]) executor.ws.send(controlToRelay.encode({ type: 'serving', serving }));
    executor.ws.send(controlToRelay.encode({ type: 'ping', nonce: 'all said' }));
    await executor.until(({ control }) => control.some(({ type }) => type === 'pong'));
    fleet.registry.send({ type: 'ping', nonce: 'all told', registrationId: executorTicket().registrationId });
    await fleet.registry.sawType('pong');

    expect(fleet.registry.received.filter(ofType('add'))).toEqual([]);
  });

  it('leaves a retired key its streams, and closes its socket after the last', async () => {
    await fleet.stop();
    const clock = new ManualClock();
    fleet = await Fleet.start({ clock });
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);
    const now = fleet.now();
    const match = { registrationId: ticket.registrationId };
    const { environmentId } = ticket;

    fleet.registry.send({
      type: 'deny',
      deny: { id: 'deny-2', environmentId, match, reason: 'key_retired', since: now, until: now + 600 },
    });
    await fleet.registry.sawType('remove');
    await clock.advanceTurnByTurn(1_000);
    executor.send(streamId, { type: 'data', seq: 0, payload: Buffer.from('x') });
    await harness.frame(streamId, 'data');
    harness.leave();
    await executor.frame(streamId, 'reset');
    await clock.advanceTurnByTurn(1_000);

    expect((await executor.closed()).reason).toBe('key_retired');
  });
});

describe('readiness', () => {
  it('comes with the ticket keys of a registry, and upgrades before it are put off', async () => {
    const registry = await ScriptedRegistry.start();
    const port = registry.port;
    const { signer } = registry;
    await registry.close();
    const relay = await startRelay({
      ...{ host: '127.0.0.1', port: 0, registryUrls: [`http://127.0.0.1:${port}`], random: () => 0 },
      presenceSecret: () => Promise.resolve(PRESENCE_SECRET),
      logger: createLogger({ component: 'relay', level: 'silent' }),
    });
    expect(relay.notReady()).toBeDefined();
    const token = await signer.signExecutorTicket(executorTicket(), Date.now() / 1_000);
    await expect(fleet.dial(`${relay.url}/v1/executor?ticket=${token}`)).rejects.toMatchObject({ status: 503 });

    const returned = await ScriptedRegistry.start({ port, signer });
    await returned.sawType('snapshot');

    expect(relay.notReady()).toBeUndefined();
    await relay.close();
    await returned.close();
  });
});

describe('a relay that every registry has left', () => {
  it('takes no new executors after a while, keeps those that it has, and takes them again when a registry is back', async () => {
    await fleet.stop();
    const clock = new ManualClock();
    // With pauses between its dials, or time would stand still while it dials in vain.
    fleet = await Fleet.start({ clock, random: () => 1 });
    const { port, signer } = fleet.registry;
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);
    await fleet.registry.close();
    while (!fleet.log.some((line) => line.includes('presence lost'))) await clock.advanceTurnByTurn(0);
    await clock.advanceTurnByTurn(ALONE_MS - 1_000);
    await fleet.dial(await fleet.executorUrl(executorTicket()));
    await clock.advanceTurnByTurn(1_000);

    for (const runtime of ['sidecar', 'external'] as const) {
      const url = await fleet.executorUrl(executorTicket({ runtime }));
      await expect(fleet.dial(url)).rejects.toMatchObject({ status: 503, code: 'not_synced' });
    }
    executor.send(streamId, { type: 'data', seq: 0, payload: Buffer.from('x') });
    await harness.frame(streamId, 'data');

    const returned = await ScriptedRegistry.start({ port, signer });
    let isBack = false;
    const back = returned.sawType('load').then(() => {
      isBack = true;
    });
    while (!isBack) await clock.advanceTurnByTurn(50);
    await back;
    await fleet.dial(await fleet.executorUrl(executorTicket()));
    await returned.close();
  });
});

describe('time', () => {
  beforeEach(async () => {
    await fleet.stop();
  });

  it('ends a sidecar that says nothing for 10 s, and a real executor after 60 s', async () => {
    const clock = new ManualClock();
    fleet = await Fleet.start({ clock });
    const silent = await fleet.sidecar(executorTicket());
    const real = await fleet.real(executorTicket());
    real.ws.pause();

    await clock.advanceTurnByTurn(11_000);
    await silent.closed();
    expect(real.closedWith).toBeUndefined();
    await clock.advanceTurnByTurn(52_000);
    real.ws.resume();

    await real.closed();
  });

  it('closes a real executor at a quiet moment in the last day of its ticket, which then must be renewed', async () => {
    const clock = new ManualClock();
    fleet = await Fleet.start({ clock });
    const ticket = { ...executorTicket(), runtime: 'external', expiresAt: fleet.now() + 7 * 86_400 } as const;
    const executor = await fleet.real(ticket);
    const url = await fleet.executorUrl(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);
    clock.skip(6 * 86_400_000 + 1_000);
    executor.send(streamId, { type: 'data', seq: 0, payload: Buffer.from('x') });
    await harness.frame(streamId, 'data');
    harness.leave();
    await executor.frame(streamId, 'reset');
    await clock.advanceTurnByTurn(1_000);

    expect((await executor.closed()).reason).toBe('ticket_renewal');
    await expect(fleet.dial(url)).rejects.toMatchObject({ status: 403, code: 'ticket_expired' });
  });
});

describe('close()', () => {
  it('is unready at once, takes nobody, says goodbye to all, and ends', async () => {
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const { harness } = await fleet.stream(ticket, executor);
    const url = await fleet.executorUrl(executorTicket());

    const closing = fleet.relay.close();
    expect(fleet.relay.notReady()).toBe('draining');
    await expect(fleet.dial(url)).rejects.toMatchObject({ status: 503, code: 'draining' });
    await closing;

    expect((await executor.closed()).code).toBe(1001);
    await harness.closed();
    expect(fleet.registry.received.some((m) => m.type === 'load' && m.draining)).toBe(true);
    await expect(fleet.dial(`${fleet.relay.url}/v1/harness?ticket=${randomUUID()}`)).rejects.toThrow();
  });
});
