import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestAuthority } from '../wire/testing/authority.ts';
import { startConnector } from './connector/server.ts';
import { Harness } from './harness.ts';
import type { SessionEvent } from './session/session.ts';
import { ScriptedFleet } from './testing/scripted-fleet.ts';

let old: TestAuthority;
let next: TestAuthority;
let fleet: ScriptedFleet;
const ends: (() => unknown)[] = [];

beforeEach(async () => {
  [old, next] = await Promise.all([TestAuthority.make(), TestAuthority.make()]);
  fleet = await ScriptedFleet.start(await old.issue());
  fleet.execServer.onStart = (process) => {
    process.say('hello');
    process.end(0);
  };
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await fleet.close();
});

interface Way {
  registryUrl?: string;
  credential?: () => Promise<string>;
  trust?: { current: string };
  onEvent?: (event: SessionEvent) => void;
  signal?: AbortSignal;
}

async function connected(way: Way): Promise<Harness> {
  const { environmentId, url } = fleet;
  const credential = async () => 'client-token-of-this-test';
  const harness = await Harness.connect({ environmentId, registryUrl: url, credential, random: () => 0, ...way });
  ends.push(() => harness.close());
  return harness;
}

async function hello(harness: Harness): Promise<string> {
  return text((await harness.exec({ argv: ['x'] })).stdout);
}

/** Why the first attempt fails. Only a refusal ends them all, so we do. */
async function firstProblem(way: Way): Promise<string> {
  const aborter = new AbortController();
  let problem = 'none';
  const onEvent = (event: SessionEvent) => {
    if (event.type !== 'retrying') return;
    problem = event.error.message;
    aborter.abort();
  };
  await connected({ ...way, onEvent, signal: aborter.signal }).catch(() => {});
  return problem;
}

describe.each(['the client', 'the connector'])('%s upstream', (which) => {
  /** A harness whose way to registry and relay trusts `trust`. */
  async function through(trust: { current: string } | undefined): Promise<Way> {
    const upstream = trust === undefined ? {} : { trust };
    if (which === 'the client') return upstream;
    const connector = await startConnector({
      role: 'harness',
      environmentId: fleet.environmentId,
      registryUrl: fleet.url,
      credential: async () => 'upstream-token-of-this-test',
      logger: pino({ level: 'silent' }),
      ...upstream,
    });
    ends.push(() => connector.close());
    return { registryUrl: connector.url, credential: async () => connector.token };
  }

  it('speaks TLS with registry and relay that its authorities vouch for', async () => {
    expect(await hello(await connected(await through({ current: old.certificate })))).toBe('hello');
  });

  it('asks for authorities of the moment, and keeps the connections that stand', async () => {
    const trust = { current: old.certificate };
    const way = await through(trust);
    const before = await connected(way);

    fleet.renew(await next.issue());
    trust.current = next.certificate;

    expect(await hello(await connected(way))).toBe('hello');
    expect(await hello(before)).toBe('hello');
  });

  it.each([
    ['another authority', () => ({ current: next.certificate })],
    ['those of the system', () => undefined],
  ])('trusting only %s, says nothing to the registry', async (_whom, trust) => {
    const problem = await firstProblem(await through(trust()));

    expect(problem).toMatch(/no answer from the registry: (UNABLE_TO_VERIFY_LEAF|UNABLE_TO_GET_ISSUER|SELF_SIGNED)/);
    expect(fleet.calls).toEqual([]);
  });

  it('checks the relay as it checks the registry', async () => {
    const trust = { current: old.certificate };
    const way = await through(trust);
    const relay = await ScriptedFleet.start(await next.issue());
    ends.push(() => relay.close());
    fleet.relayUrl = relay.url;

    expect(await firstProblem(way)).toMatch(which === 'the client' ? /no connection to the relay/ : /relay/);
    expect(relay.upgrades).toEqual([]);
  });
});
