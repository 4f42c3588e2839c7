import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type * as connection from '../../src/operator/registries/connection.ts';
import type * as lines from '../../src/operator/registries/lines.ts';
import type * as replicaFeed from '../../src/operator/registries/replica-feed.ts';
import type * as fixtures from '../../src/registry/testing/fixture.ts';
import type * as relays from '../../src/registry/testing/scripted-relay.ts';
import { createLogger, systemClock } from '../../src/telemetry/index.ts';
import { ENVIRONMENTS_PATH } from '../../src/wire/index.ts';
import { previousCheckout } from './previous.ts';

/** What the operator of a release hears registries with. */
type Operator = typeof connection & typeof lines & typeof replicaFeed;
/** A registry of a release, and what that release tests it with. */
type Registry = typeof fixtures & typeof relays;

/** However busy the machine. */
const SOON = { timeout: 20_000 };

const CURRENT = join(import.meta.dirname, '../..');

async function operatorOf(checkout: string): Promise<Operator> {
  const [first, second, third] = await Promise.all(
    ['connection', 'lines', 'replica-feed'].map((name) => load(checkout, `src/operator/registries/${name}.ts`)),
  );
  return { ...first, ...second, ...third };
}

async function registryOf(checkout: string): Promise<Registry> {
  const [first, second] = await Promise.all(
    ['fixture', 'scripted-relay'].map((name) => load(checkout, `src/registry/testing/${name}.ts`)),
  );
  return { ...first, ...second };
}

function load(checkout: string, file: string) {
  return import(/* @vite-ignore */ pathToFileURL(join(checkout, file)).href);
}

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe.each([
  ['this release', 'the previous one', () => Promise.resolve(CURRENT), previousCheckout],
  ['the previous release', 'this one', previousCheckout, () => Promise.resolve(CURRENT)],
])('the operator of %s at a registry of %s', (_operator, _registry, operatorFrom, registryFrom) => {
  it('hears who is present, what is denied and who enforces it, and who is gone', async () => {
    const { ReplicaFeed, LineSplitter, FeedError } = await operatorOf(await operatorFrom());
    const { RegistryFixture, ScriptedRelay, ticketIn, DEMO, POD_A } = await registryOf(await registryFrom());
    const proofs = {
      relay: async () => ({ outcome: 'proven' as const, ip: undefined }),
      operator: async () => ({ outcome: 'proven' as const }),
    };
    const registry = await RegistryFixture.start({ clock: systemClock, presence: { proofs }, expectedRelays: () => 0 });
    cleanups.push(() => registry.close());
    const stop = new AbortController();
    const feed = new ReplicaFeed({
      ...{ relay: 'agents/main', pod: 'registry-1', clock: systemClock, random: () => 0 },
      address: () => ({ host: '127.0.0.1', port: 0, serverName: 'registry', ca: undefined }),
      // Plain, and else as over TLS.
      watch: async (_address, onLines, signal) => {
        const headers = { authorization: `Bearer ${registry.presenceSecret}` };
        const { body } = await fetch(`${registry.url}${ENVIRONMENTS_PATH}?watch`, { headers, signal });
        const splitter = new LineSplitter();
        for await (const piece of body ?? []) onLines(splitter.push(Buffer.from(piece)));
        throw new FeedError('closed', 'the registry has ended the watch');
      },
      ...{ onChange: () => {}, onState: () => {}, onFailure: () => {} },
      log: createLogger({ component: 'operator', level: 'silent' }),
    });
    const running = feed.run(stop.signal);
    cleanups.push(() => {
      stop.abort();
      return running;
    });
    const report = () => feed.view(DEMO).report;
    await expect.poll(() => feed.state, SOON).toBe('complete');
    expect(feed.ticketKeys).toHaveLength(1);

    const ticket = ticketIn((await registry.register(DEMO, registry.tokens.demo)).body.url);
    const relay = await ScriptedRelay.present(registry, { entries: [{ ticket, sessions: [] }] });
    await expect
      .poll(() => report()?.registrations, SOON)
      .toMatchObject([{ keyId: 'k1', incarnation: POD_A, relays: 1 }]);

    await registry.change((file) => {
      for (const key of registry.environment(DEMO, file).keys) key.state = 'Revoked';
    });
    const { deny } = await relay.hears('deny');
    relay.say({ type: 'ack', denyId: deny.id });
    const enforced = { id: deny.id, reason: 'revoked', acknowledgements: [{ by: 'relay relay-boot-1' }] };
    await expect.poll(() => report()?.denies, SOON).toMatchObject([enforced]);

    await registry.change((file) => {
      file.environments = file.environments.filter(({ id }) => id !== DEMO);
      for (const grant of file.grants) grant.environments = [];
    });
    await expect.poll(report, SOON).toBeUndefined();
    await registry.stopRegistry();
    await expect.poll(() => feed.state, SOON).toBe('connecting');
  });
});
