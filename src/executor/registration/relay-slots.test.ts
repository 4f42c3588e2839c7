import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { parseBootId } from '../../wire/index.ts';
import { eventually, Fixture } from '../testing/fixture.ts';

let fixture: Fixture;
afterEach(() => fixture.close());

/** A sidecar that knows of two relays and is on both. */
async function onTwoRelays(clock?: ManualClock): Promise<void> {
  fixture = await Fixture.start(clock && { clock });
  await fixture.socket();
  await eventually(() => fixture.registry.heard.length > 0);
  fixture.registry.tell({ type: 'relays', count: 2 });
  await eventually(() => fixture.relay.live.length === 2);
}

/** The sidecar has handled all that the registry told it. */
async function handled(): Promise<void> {
  const nonce = randomUUID();
  fixture.registry.tell({ type: 'ping', nonce });
  await eventually(() => fixture.registry.heard.some((message) => message.type === 'pong' && message.nonce === nonce));
}

describe('two sockets of one registration', () => {
  it('are dialled one after the other, and the second says where the first is', async () => {
    await onTwoRelays();
    expect(fixture.relay.accepted.map(({ holds }) => holds)).toEqual([undefined, 'relay-boot-1']);
  });

  it('that are lost at the same moment do not dial at the same moment: they could land on one replica', async () => {
    const clock = new ManualClock();
    await onTwoRelays(clock);
    // Long enough that both dial again without a pause.
    await clock.advanceTurnByTurn(6000);
    for (const { socket } of fixture.relay.live) socket.terminate();
    await eventually(() => fixture.relay.accepted.length === 3);
    await clock.pass(250);
    await eventually(() => fixture.relay.accepted.length === 4);
    expect(fixture.relay.accepted[3]?.holds).toBe('relay-boot-3');
  });

  it('do not wait for one whose dial hangs', async () => {
    await onTwoRelays();
    const hanging = Promise.withResolvers<void>();
    let dials = 0;
    fixture.relay.beforeAccept = () => {
      dials += 1;
      return dials === 1 ? hanging.promise : Promise.resolve();
    };
    for (const { socket } of fixture.relay.live) socket.terminate();
    await eventually(() => fixture.relay.live.length === 1);
    hanging.resolve();
    await eventually(() => fixture.relay.live.length === 2);
  });

  it('become one when there is one relay less and its socket is lost: nobody dials for a replica that is not there', async () => {
    const clock = new ManualClock();
    await onTwoRelays(clock);
    fixture.registry.tell({ type: 'relays', count: 1 });
    let dials = 0;
    fixture.relay.refusal = () => {
      dials += 1;
      return { status: 409, code: 'already_here' };
    };
    fixture.relay.live[1]?.socket.terminate();
    await eventually(() => fixture.log.lines('relay socket closed').length === 1);
    await clock.advanceTurnByTurn(8000);
    expect(dials).toBe(0);
    expect(fixture.relay.live.length).toBe(1);
  });

  it('take no boot id from a relay that could not stand in a header of ours', async () => {
    fixture = await Fixture.prepare();
    fixture.relay.bootId = () => 'x'.repeat(8000);
    await fixture.startExecutor();
    await fixture.socket();
    await eventually(() => fixture.registry.heard.length > 0);
    fixture.registry.tell({ type: 'relays', count: 2 });
    await eventually(() => fixture.relay.live.length === 2);
    expect(fixture.relay.accepted[1]?.holds).toBeUndefined();
  });
});

describe('a socket at a relay that does not forward', () => {
  const BAD = parseBootId('relay-boot-1');

  it('stays, and another is had in its place', async () => {
    fixture = await Fixture.start();
    const first = await fixture.socket();
    await eventually(() => fixture.registry.heard.length > 0);
    fixture.registry.tell({ type: 'relays', count: 1, notForwarding: [BAD] });
    await eventually(() => fixture.relay.live.length === 2);
    expect(fixture.relay.accepted[1]?.holds).toBe(BAD);
    expect(fixture.relay.live).toContain(first);
  });

  it('does not stand for the good one, which is dialled again when it is lost', async () => {
    await onTwoRelays();
    fixture.registry.tell({ type: 'relays', count: 1, notForwarding: [BAD] });
    const [bad, good] = fixture.relay.live;
    await handled();
    good?.socket.terminate();
    await eventually(() => fixture.relay.accepted.length === 3 && fixture.relay.live.length === 2);
    expect(fixture.relay.accepted[2]?.holds).toBe(BAD);
    expect(fixture.relay.live).toContain(bad);
  });

  it('counts again when its relay is mended: the surplus is not dialled for once it is lost', async () => {
    const clock = new ManualClock();
    await onTwoRelays(clock);
    fixture.registry.tell({ type: 'relays', count: 2, notForwarding: [BAD] });
    await eventually(() => fixture.relay.live.length === 3);
    fixture.registry.tell({ type: 'relays', count: 2 });
    await handled();
    fixture.relay.live[2]?.socket.terminate();
    await eventually(() => fixture.log.lines('relay socket closed').length === 1);
    await clock.advanceTurnByTurn(8000);
    expect(fixture.relay.accepted.length).toBe(3);
  });
});

describe('a relay that only ever says that it goes away', () => {
  it('keeps no more than four sockets of ours, and is not dialled without a pause', async () => {
    fixture = await Fixture.start();
    const moved = new Set<unknown>();
    await eventually(() => {
      for (const socket of fixture.relay.live) {
        if (moved.has(socket)) continue;
        moved.add(socket);
        socket.tell({ type: 'move' });
      }
      return fixture.relay.accepted.length === 7;
    });
    await eventually(() => fixture.relay.live.length <= 5);
  }, 20_000);
});

describe('a registry that gives a relay URL that nobody can dial', () => {
  it('does not end the sidecar, which asks on', async () => {
    fixture = await Fixture.prepare();
    const { relayUrl } = fixture.registry;
    fixture.registry.relayUrl = `${relayUrl}/#fragment`;
    await fixture.startExecutor();
    await eventually(() => fixture.log.lines('relay socket failed').length > 0);
    expect(fixture.log.lines('relay socket failed')).toMatchObject([{ code: 'bad_relay_url' }]);
    fixture.registry.relayUrl = relayUrl;
    fixture.registry.tell({ type: 'refresh' });
    await fixture.socket();
  });
});
