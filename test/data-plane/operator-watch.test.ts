import { mkdir, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { keyOf } from '../../src/kube/index.ts';
import { watchByHttps } from '../../src/operator/index.ts';
import { FeedError, type RegistryAddress, type WatchRegistry } from '../../src/operator/registries/connection.ts';
import { combine, type ExecutorFacts, type ReplicaView } from '../../src/operator/registries/facts.ts';
import { ReplicaFeed } from '../../src/operator/registries/replica-feed.ts';
import { generateAuthority, issueLeaf } from '../../src/operator/tls/certificates.ts';
import { DEMO, LAPTOP, POD_A, RegistryFixture, someToken } from '../../src/registry/testing/fixture.ts';
import { createLogger, systemClock } from '../../src/telemetry/index.ts';
import { watchPath, watchToRegistry } from '../../src/wire/index.ts';

const HOST = 'registry.agents.svc';
const DAY_MS = 86_400_000;

/** A real registry with a certificate, and the operator's real client of it. */
describe('the operator at a registry', () => {
  let registry: RegistryFixture;
  let ca: string;
  let token: string;
  let stop: AbortController;
  let running: Promise<void>[];
  let asked: string[];

  beforeEach(async () => {
    token = someToken();
    running = [];
    asked = [];
    stop = new AbortController();
    const authority = await generateAuthority({ name: 'test', now: Date.now(), lifeMs: DAY_MS });
    const leaf = await issueLeaf(authority, { hosts: [HOST], now: Date.now(), lifeMs: DAY_MS });
    ca = authority.certificate;
    registry = await RegistryFixture.start({ clock: systemClock });
    await registry.stopRegistry();
    await mkdir(registry.path('tls'));
    await writeFile(registry.path('tls/tls.crt'), leaf.certificate);
    await writeFile(registry.path('tls/tls.key'), leaf.privateKey, { mode: 0o600 });
    await writeFile(registry.path('internal-token'), `${token}\n`, { mode: 0o600 });
    await startWithTls();
  });
  afterEach(async () => {
    stop.abort();
    await Promise.all(running);
    await registry.close();
  });

  const startWithTls = (port = 0) =>
    registry.startRegistry({
      clock: systemClock,
      port,
      tlsFolder: registry.path('tls'),
      expectedRelays: () => 0,
      presence: {
        proofs: {
          relay: async () => ({ outcome: 'unknown' }),
          operator: async (bearer) => {
            asked.push(bearer);
            return { outcome: bearer === token ? 'proven' : 'unknown' };
          },
        },
      },
    });

  const port = () => Number(new URL(registry.url).port);
  const address = (change: Partial<RegistryAddress> = {}): RegistryAddress => ({
    ...{ host: '127.0.0.1', port: port(), serverName: HOST, ca },
    ...change,
  });
  const watch: WatchRegistry = (...args) => watchByHttps(registry.path('internal-token'))(...args);

  /** Follows the registry; `facts` is what the operator makes of it. */
  function follow(to = address()) {
    const feed = new ReplicaFeed({
      ...{ relay: keyOf({ namespace: 'agents', name: 'main' }), pod: 'registry-1', watch },
      address: () => to,
      onChange: () => {},
      onState: () => {},
      onFailure: () => {},
      clock: systemClock,
      log: createLogger({ component: 'operator', level: 'silent' }),
      random: () => 0.1,
    });
    running.push(feed.run(stop.signal));
    const view = (): ReplicaView => feed.view(DEMO);
    const until = async (condition: (facts: ExecutorFacts) => boolean): Promise<ExecutorFacts> => {
      for (;;) {
        const facts = combine([view()], POD_A);
        if (condition(facts)) return facts;
        await pause(5);
      }
    };
    return { feed, until };
  }

  function sidecar(): Promise<WebSocket> {
    const url = `wss://127.0.0.1:${port()}${watchPath(DEMO)}`;
    const headers = { authorization: `Bearer ${registry.tokens.demo}` };
    const socket = new WebSocket(url, { headers, agent: new Agent({ ca, servername: HOST }) });
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(socket));
      socket.once('error', reject);
    });
  }

  it('hears how many sessions a sidecar has, and does not take silence about it for none', async () => {
    const { until } = follow();
    expect(await until(({ known }) => known)).toMatchObject({ sessions: undefined, idle: false });
    const socket = await sidecar();
    socket.send(watchToRegistry.encode({ type: 'report', keys: [], sessions: 2 }));
    await until(({ sessions }) => sessions === 2);
    socket.send(watchToRegistry.encode({ type: 'report', keys: [], sessions: 0 }));
    await until(({ idle }) => idle);
    socket.close();
  });

  it('comes back to a registry that was restarted, and knows nothing in between', async () => {
    const { feed, until } = follow();
    await until(({ known }) => known);
    const samePort = port();
    await registry.stopRegistry();
    await until(({ known }) => !known);
    await startWithTls(samePort);
    await until(({ known }) => known);
    expect(feed.view(LAPTOP).report).toMatchObject({ environmentId: LAPTOP });
  });

  it('reads its token again for each connection: the old one is no longer taken', async () => {
    token = someToken();
    const { until, feed } = follow();
    await pause(50);
    expect(feed.state).toBe('connecting');
    await writeFile(registry.path('internal-token'), token);
    await until(({ known }) => known);
  });

  it.each([
    ['a name that its certificate does not have', { serverName: 'relay.agents.svc' }, 'connection_failed'],
    ['authorities of its own', { ca: undefined }, 'connection_failed'],
  ])('sends its token to nobody with %s', async (_, change, code) => {
    await expect(watch(address(change), () => {}, stop.signal)).rejects.toMatchObject({ code });
    expect(asked).toEqual([]);
  });

  it('says what is wrong with a token that cannot be read, or is refused', async () => {
    token = someToken();
    await expect(watch(address(), () => {}, stop.signal)).rejects.toMatchObject({ code: 'refused' });
    expect(asked).toHaveLength(1);
    await rm(registry.path('internal-token'));
    await expect(watch(address(), () => {}, stop.signal)).rejects.toBeInstanceOf(FeedError);
  });
});
