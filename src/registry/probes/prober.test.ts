import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { PROBE_GRANT, PROBE_IDENTITY } from '../../wire/index.ts';
import { TestAuthority } from '../../wire/testing/authority.ts';
import { identityHashOf } from '../identity-hash.ts';
import type { RegistryOptions } from '../options.ts';
import { DEMO, RegistryFixture } from '../testing/fixture.ts';
import { type Behaviour, ProbedDoor } from '../testing/probed-door.ts';
import { ScriptedRelay, ticketIn } from '../testing/scripted-relay.ts';
import { PROBE_MS } from './probe.ts';

/** `random` is a half: this is exactly the pause between two probes. */
const INTERVAL_MS = 5_000;
/** Due, and seen at the next look. */
const ROUND_MS = INTERVAL_MS + 1_000;

let fixture: RegistryFixture;
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  await fixture.close();
  for (const end of ends.splice(0)) await end();
});

async function start(options: Partial<RegistryOptions> = {}): Promise<void> {
  fixture = await RegistryFixture.start({ relayUrl: 'ws://relay.example', random: () => 0.5, ...options });
}

async function openDoor(...given: Parameters<typeof ProbedDoor.open>): Promise<ProbedDoor> {
  const door = await ProbedDoor.open(...given);
  ends.push(() => door.close());
  return door;
}

/** A relay in presence, with the sidecar of the demo executor on a socket of it. */
async function present(door: ProbedDoor, bootId: string): Promise<ScriptedRelay> {
  const ticket = ticketIn((await fixture.register(DEMO, fixture.tokens.demo)).body.url);
  return ScriptedRelay.present(fixture, { bootId, port: door.port, entries: [{ ticket, sessions: [] }] });
}

const results = () => fixture.logged('relay probed').map(({ relay, result }) => `${relay} ${result}`);
const swallows = (door: ProbedDoor) => door.behaviour.kind === 'swallow';

/** One probe of each relay, from its turn to its result. */
async function round(...doors: ProbedDoor[]): Promise<string[]> {
  const before = results().length;
  const came = doors.map(({ tickets }) => tickets.length);
  fixture.clock.advance(ROUND_MS);
  const ended = (silent = 0) => results().length >= before + doors.length - silent;
  await fixture.until(() => ended() || doors.every(({ tickets }, index) => tickets.length > (came[index] ?? 0)));
  await fixture.until(() => ended(doors.filter(swallows).length));
  fixture.clock.advance(PROBE_MS);
  await fixture.until(() => ended());
  return results().slice(before).sort();
}

const refusal = (status: number, code: string): Behaviour => ({
  kind: 'refuse',
  status,
  body: JSON.stringify({ error: { code, message: 'refused' } }),
});

const relayOfConnect = async () => {
  const { body } = await fixture.connect(DEMO, fixture.tokens.alice);
  return JSON.parse(Buffer.from(ticketIn(body.url).split('.')[1] ?? '', 'base64url').toString('utf8')).bootId;
};

describe('a relay that accepts and does not forward', () => {
  it('is told after three probes, is the last choice, and is back after one answer', async () => {
    await start();
    const [bad, good] = [await openDoor(), await openDoor()];
    // The one that a tie goes to.
    const relay = await present(bad, 'relay-boot-a');
    const other = await present(good, 'relay-boot-b');
    expect(await relayOfConnect()).toBe('relay-boot-a');

    bad.behaviour = { kind: 'swallow' };
    for (const _ of [1, 2, 3]) {
      expect(fixture.logged('relay does not forward: probes through it are not answered, those of others are')).toEqual(
        [],
      );
      expect(await round(bad, good)).toEqual(['relay-boot-a unanswered', 'relay-boot-b answered']);
    }
    expect(await relay.hears('forwarding')).toEqual({ type: 'forwarding', answered: false });
    expect(await relayOfConnect()).toBe('relay-boot-b');

    bad.behaviour = { kind: 'answer' };
    await round(bad, good);
    await relay.hears('forwarding', ({ answered }) => answered);
    expect(await relayOfConnect()).toBe('relay-boot-a');
    expect(other.heard.filter(({ type }) => type === 'forwarding')).toEqual([]);
  });

  it('is not blamed while nobody else answers', async () => {
    await start();
    const doors = [await openDoor(), await openDoor()];
    const relays = await Promise.all(doors.map((door, index) => present(door, `relay-boot-${index}`)));
    for (const door of doors) door.behaviour = { kind: 'swallow' };
    for (const _ of [1, 2, 3, 4]) await round(...doors);
    expect(relays.flatMap(({ heard }) => heard).filter(({ type }) => type === 'forwarding')).toEqual([]);
  });

  it('is back when its last sidecar left', async () => {
    await start();
    const [bad, good] = [await openDoor(), await openDoor()];
    const relay = await present(bad, 'relay-boot-a');
    await present(good, 'relay-boot-b');
    bad.behaviour = { kind: 'swallow' };
    for (const _ of [1, 2, 3]) await round(bad, good);
    await relay.hears('forwarding', ({ answered }) => !answered);

    relay.say({ type: 'remove', registrationId: fixture.registrationId('k1') });
    await relay.settled(fixture);
    fixture.clock.advance(1_000);
    await relay.hears('forwarding', ({ answered }) => answered);
  });
});

describe('a probe', () => {
  it.each<[string, Behaviour, string]>([
    ['an answer', { kind: 'answer' }, 'answered'],
    ['what a sidecar of an earlier release says to it', { kind: 'answer_of_old' }, 'answered'],
    ['a reset that the relay made up', { kind: 'own_reset' }, 'unanswered'],
    ['nothing', { kind: 'swallow' }, 'unanswered'],
    ['a cut', { kind: 'drop' }, 'unanswered'],
    ['a refusal of its ticket', refusal(401, 'ticket_invalid'), 'unanswered'],
    ['an answer that is no relay’s', { kind: 'refuse', status: 502, body: '<html>' }, 'unanswered'],
    ['a limit', refusal(401, 'rate_limited'), 'unclear'],
    ['an executor that just went', refusal(401, 'executor_gone'), 'unclear'],
    ['another life at the address', refusal(401, 'wrong_relay'), 'unclear'],
    ['a close for a reason', { kind: 'close', code: 1001 }, 'unclear'],
  ])('takes %s for what it is', async (_what, behaviour, result) => {
    await start();
    const door = await openDoor();
    await present(door, 'relay-boot-a');
    door.behaviour = behaviour;
    expect(await round(door)).toEqual([`relay-boot-a ${result}`]);
  });

  it('has a ticket that names nobody, for that relay at that address, and is passed on by none', async () => {
    await start();
    const door = await openDoor();
    await present(door, 'relay-boot-a');
    await round(door);
    const claims = JSON.parse(Buffer.from(door.tickets[0]?.split('.')[1] ?? '', 'base64url').toString('utf8'));
    expect(claims).toMatchObject({
      bootId: 'relay-boot-a',
      address: `127.0.0.1:${door.port}`,
      registrationId: fixture.registrationId('k1'),
    });
    expect(claims.identityHash).not.toHaveLength(identityHashOf('anybody').length);
    expect(door.hops).toEqual(['1']);
  });

  it('is not put out for want of a grant when a relay of an earlier release lists it among those that it let in', async () => {
    await start();
    const relay = await present(await openDoor(), 'relay-boot-a');
    const access = (identityHash: string) => ({ environmentId: DEMO, identityHash, grant: PROBE_GRANT });
    relay.say({ type: 'access', entries: [access(PROBE_IDENTITY), access('somebody')] });
    await relay.settled(fixture);
    fixture.clock.advance(10_000);
    await relay.hears('deny');
    const denied = relay.heard.flatMap((message) => (message.type === 'deny' ? [message.deny.match] : []));
    expect(denied).toEqual([{ identityHash: 'somebody', grant: PROBE_GRANT }]);
  });

  it.each([
    ['answered by a relay that has a certificate for the name of the relay URL', 'relay.example', 'answered'],
    ['not sent to one that has not', 'else.example', 'unanswered'],
  ])('is, where relays speak TLS, %s', async (_sentence, host, result) => {
    const authority = await TestAuthority.make();
    const folder = await mkdtemp(join(tmpdir(), 'prober-'));
    ends.push(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'ca.crt'), authority.certificate);
    await start({ relayUrl: 'wss://relay.example:8443', caFile: join(folder, 'ca.crt') });
    const door = await openDoor(await authority.issue({ hosts: [host] }));
    await present(door, 'relay-boot-a');
    expect(await round(door)).toEqual([`relay-boot-a ${result}`]);
  });
});
