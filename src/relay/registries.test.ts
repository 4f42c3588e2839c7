import type { LookupAddress } from 'node:dns';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger, systemClock } from '../telemetry/index.ts';
import { ManualClock } from '../telemetry/testing/manual-clock.ts';
import type { PresenceToRegistry, ServingCertificate } from '../wire/index.ts';
import { TestAuthority } from '../wire/testing/authority.ts';
import { type RelayOptions, type RunningRelay, startRelay } from './relay.ts';
import { executorTicket } from './testing/fleet.ts';
import { Peer } from './testing/peer.ts';
import { PRESENCE_SECRET, ScriptedRegistry } from './testing/scripted-registry.ts';

const NAME = 'registries.test';
/** Two of the loopback's addresses, as two pods have. */
const FIRST = '127.0.0.1';
const SECOND = '127.0.0.2';

let clock: ManualClock;
let first: ScriptedRegistry;
let addresses: LookupAddress[] | undefined;
const ends: (() => unknown)[] = [];

const listed = (...hosts: string[]) => {
  addresses = hosts.map((address) => ({ address, family: 4 }));
};
const inPresence = (message: PresenceToRegistry) => message.type === 'snapshot';

beforeEach(async () => {
  clock = new ManualClock();
  listed(FIRST, SECOND);
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function registry(host: string, options: Parameters<typeof ScriptedRegistry.start>[0] = {}) {
  const started = await ScriptedRegistry.start({ host, registryId: `registry-${host}`, ...options });
  ends.push(() => started.close());
  return started;
}

/** Lets the relay dial until that has happened. Time nearly stands still, so that nothing takes too long. */
async function whileDialling<T>(event: Promise<T>, stepMs = 0): Promise<T> {
  let happened = false;
  const done = () => {
    happened = true;
  };
  event.then(done, done);
  while (!happened) await clock.advanceTurnByTurn(stepMs);
  return event;
}

/** A relay that is given the registries' name. */
async function relayAt(url: string, options: Partial<RelayOptions> = {}): Promise<RunningRelay> {
  const relay = await startRelay({
    ...{ host: FIRST, port: 0, registryUrls: [url], clock, random: () => 0 },
    presenceSecret: () => Promise.resolve(PRESENCE_SECRET),
    resolve: (host) =>
      host === NAME && addresses !== undefined ? Promise.resolve(addresses) : Promise.reject(new Error('away')),
    logger: createLogger({ component: 'relay', level: 'silent' }),
    ...options,
  });
  ends.push(() => relay.close());
  return relay;
}

describe('a relay that knows its registries by one name', () => {
  beforeEach(async () => {
    first = await registry(FIRST);
  });
  const url = () => `http://${NAME}:${first.port}`;
  const twin = () => registry(SECOND, { port: first.port, signer: first.signer });

  it('is in presence at every address of it, and tells all the same', async () => {
    const second = await twin();
    const relay = await relayAt(url(), { clock: systemClock });
    await Promise.all([first.saw(inPresence), second.saw(inPresence)]);

    const ticket = executorTicket({ runtime: 'external' });
    const token = await first.signer.signExecutorTicket(ticket, systemClock.now() / 1000);
    const executor = await Peer.dial(`${relay.url}/v1/executor?ticket=${token}`);
    ends.push(() => executor.leave());

    for (const each of [first, second]) expect(await each.sawType('add')).toMatchObject({ entry: { ticket: token } });
  });

  it('finds a new replica at its next look, and one that comes back at once', async () => {
    listed(FIRST);
    await relayAt(url());
    await first.saw(inPresence);
    const second = await twin();
    listed(FIRST, SECOND);
    await clock.advanceTurnByTurn(5_000);
    await second.saw(inPresence);

    second.received.length = 0;
    second.cut();
    await whileDialling(second.saw(inPresence));
  });

  it('keeps one that is listed no more while it answers, and then dials it no more', async () => {
    const second = await twin();
    await relayAt(url());
    await Promise.all([first.saw(inPresence), second.saw(inPresence)]);
    listed(FIRST);
    await clock.advanceTurnByTurn(5_000);
    expect(second.connections).toBe(1);

    second.cut();
    await clock.advanceTurnByTurn(20_000);

    expect(second.connections).toBe(0);
    expect(first.connections).toBe(1);
  });

  it('is in presence once at a registry that has two addresses, and by the other when the first is gone', async () => {
    const second = await registry(SECOND, { port: first.port, signer: first.signer, registryId: `registry-${FIRST}` });
    await relayAt(url());
    await Promise.race([first, second].map((each) => each.saw(inPresence)));
    await clock.advanceTurnByTurn(20_000);
    const [here, ...more] = [first, second].filter(({ received }) => received.some(inPresence));
    expect(here?.received.filter(inPresence).length).toBe(1);
    expect(more).toEqual([]);

    const [there, itsAddress] = here === first ? [second, SECOND] : [first, FIRST];
    listed(itsAddress);
    await clock.advanceTurnByTurn(5_000);
    here?.cut();
    await there.saw(inPresence);
  });

  it('stays where it is while nobody can tell the addresses', async () => {
    listed(FIRST);
    await relayAt(url());
    await first.saw(inPresence);
    addresses = undefined;
    first.received.length = 0;
    await clock.advanceTurnByTurn(20_000);
    first.cut();

    await whileDialling(first.saw(inPresence));
  });

  it('gives up one that is silent for 10 s, dials it again, and tells it all anew', async () => {
    const second = await twin();
    const relay = await relayAt(url());
    await Promise.all([first.saw(inPresence), second.saw(inPresence)]);
    first.received.length = 0;
    first.fallSilent();
    await clock.advanceTurnByTurn(9_900);
    expect(first.received).toEqual([]);

    await clock.advanceTurnByTurn(100);
    await whileDialling(first.saw(inPresence));
    expect(relay.notReady()).toBeUndefined();
    // The other was never given up.
    expect(second.received.filter(inPresence)).toHaveLength(1);
  });

  it('is unready when no registry has told it anything for five minutes: there may be newer keys', async () => {
    listed(FIRST);
    const relay = await relayAt(url(), { random: () => 1 });
    const { port } = first;
    await first.saw(inPresence);
    await first.close();
    await clock.advanceTurnByTurn(290_000);
    expect(relay.notReady()).toBeUndefined();

    await clock.advanceTurnByTurn(20_000);
    expect(relay.notReady()).toMatch(/current/);

    const back = await registry(FIRST, { port, signer: first.signer });
    await whileDialling(back.saw(inPresence), 100);
    expect(relay.notReady()).toBeUndefined();
  });
});

describe('a relay whose registries speak TLS', () => {
  let folder: string;
  let authority: TestAuthority;
  beforeEach(async () => {
    authority = await TestAuthority.make();
    folder = await mkdtemp(join(tmpdir(), 'noisefleet-relay-'));
    await writeFile(join(folder, 'ca.crt'), authority.certificate);
    listed(FIRST);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const dialled = async (certificate: ServingCertificate) => {
    first = await registry(FIRST, { certificate });
    await relayAt(`https://${NAME}:${first.port}`, { caFile: join(folder, 'ca.crt') });
  };

  it('expects the name at every address', async () => {
    await dialled(await authority.issue({ hosts: [NAME] }));

    await whileDialling(first.saw(inPresence));
  });

  it('takes a certificate of the bare address for nothing', async () => {
    await dialled(await authority.issue());
    const refused = first.refusedHandshake();

    await whileDialling(refused);
    expect(first.received).toEqual([]);
  });

  it('asks a new authority from the next dial on', async () => {
    const next = await TestAuthority.make();
    await dialled(await next.issue({ hosts: [NAME] }));
    await whileDialling(first.refusedHandshake());

    await writeFile(join(folder, 'ca.crt'), authority.certificate + next.certificate);

    await whileDialling(first.saw(inPresence));
  });
});
