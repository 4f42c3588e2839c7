import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BootId,
  type ExecutorTicket,
  type Incarnation,
  type KeyHash,
  parseBootId,
  parseEnvironmentId,
  parseFingerprint,
  parseIncarnation,
  parseKeyHash,
  registrationIdOf,
} from '../../wire/index.ts';
import { type ConnectionId, LOST_GRACE_MS, PresenceTable, SESSION_COPY_MS, type VerifiedEntry } from './table.ts';

const ENVIRONMENTS = ['default_a', 'default_b'].map(parseEnvironmentId);
const LIVES = ['pod-1', 'pod-2'].map(parseIncarnation);
const HARNESS = parseKeyHash(`SHA256:${'h'.repeat(43)}`);

/** One of eight registrations: environment × incarnation × key. */
function ticketNo(number: number): ExecutorTicket {
  const environmentId = ENVIRONMENTS[number & 1] ?? parseEnvironmentId('none');
  const incarnation = LIVES[(number >> 1) & 1] ?? parseIncarnation('none');
  const fingerprint = parseFingerprint(`SHA256:${(number >> 2 ? 'B' : 'A').repeat(43)}`);
  return {
    environmentId,
    incarnation,
    registrationId: registrationIdOf(environmentId, incarnation, fingerprint),
    publicKey: { x25519: new Uint8Array(32), mlkem768: new Uint8Array(1184) },
    firstRegistrationTime: 0,
    runtime: 'sidecar',
    expiresAt: 0,
  };
}

function entryNo(number: number, harnesses: readonly KeyHash[] = []): VerifiedEntry {
  const ticket = ticketNo(number);
  return { ticket, sessions: harnesses.map((harness) => ({ harness, registrationId: ticket.registrationId })) };
}

function relayAt(port: number, boot: number): { bootId: BootId; address: string } {
  return { bootId: parseBootId(`relay-boot-${boot}`), address: `10.0.0.1:${port}` };
}

describe('PresenceTable', () => {
  it('ignores deltas before the snapshot and from connections that it does not know', () => {
    const table = new PresenceTable();
    table.add(7, entryNo(0), 0);
    table.hello(1, relayAt(1, 1), 0);
    table.add(1, entryNo(0), 0);
    expect(table.routes(ticketNo(0).environmentId)).toEqual([]);
  });

  it('names relays that were lost as none to rely on, while another serves, and the newest of many', () => {
    const table = new PresenceTable();
    for (let n = 1; n <= 40; n += 1) {
      table.hello(n, relayAt(n, n), 0);
      table.lost(n, 1_000);
    }
    const later = 1_000 + LOST_GRACE_MS;
    expect(table.notForwarding(later)).toEqual([]);
    table.hello(50, relayAt(50, 50), later);
    table.snapshot(50, [], later);
    expect(table.notForwarding(later - 1)).toEqual([]);
    const named = table.notForwarding(later);
    expect([named.length, named.at(-1)]).toEqual([32, 'relay-boot-40']);
    table.hello(60, relayAt(40, 40), later);
    expect(table.notForwarding(later).at(-1)).toBe('relay-boot-39');
  });

  it('keeps a session copy for 120 s after the last presence of its incarnation', () => {
    const table = new PresenceTable();
    const { environmentId, incarnation, registrationId } = ticketNo(0);
    table.hello(1, relayAt(1, 1), 0);
    table.snapshot(1, [entryNo(0, [HARNESS]), entryNo(4, [HARNESS])], 0);
    table.remove(1, ticketNo(0).registrationId, 1_000);
    const session = (now: number) => table.session(environmentId, HARNESS, incarnation, now);
    expect(session(10_000_000)).toBeDefined();
    table.lost(1, 2_000);
    expect(session(2_000 + SESSION_COPY_MS - 1)?.incarnation).toBe(incarnation);
    expect(session(2_000 + SESSION_COPY_MS)).toBeUndefined();
    expect(registrationId).not.toBe(ticketNo(4).registrationId);
  });

  it('replaces the table of one incarnation only, and prefers the current one', () => {
    const table = new PresenceTable();
    const [old, current] = [ticketNo(0), ticketNo(2)];
    table.hello(1, relayAt(1, 1), 0);
    table.snapshot(1, [entryNo(0, [HARNESS]), entryNo(2, [])], 0);
    const session = (life: Incarnation) => table.session(old.environmentId, HARNESS, life, 0);
    expect(session(current.incarnation)).toEqual({ registrationId: old.registrationId, incarnation: old.incarnation });
    table.sessions(1, current.registrationId, [{ harness: HARNESS, registrationId: current.registrationId }]);
    expect(session(current.incarnation)?.incarnation).toBe(current.incarnation);
    table.sessions(1, old.registrationId, []);
    expect(session(old.incarnation)?.incarnation).toBe(current.incarnation);
  });

  it('forgets what it need not keep', () => {
    const table = new PresenceTable();
    table.hello(1, relayAt(1, 1), 0);
    table.snapshot(1, [entryNo(0, [HARNESS])], 0);
    table.lost(1, 0);
    table.expire(SESSION_COPY_MS);
    expect(table.counts()).toEqual({ relays: 0, entries: 0, sessionTables: 0 });
  });

  type Step =
    | { do: 'hello'; connection: ConnectionId; port: number; boot: number }
    | { do: 'snapshot'; connection: ConnectionId; numbers: number[] }
    | { do: 'add' | 'remove' | 'sessions'; connection: ConnectionId; number: number }
    | { do: 'lost' | 'load'; connection: ConnectionId };

  const connection = fc.integer({ min: 1, max: 4 });
  const number = fc.integer({ min: 0, max: 7 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({
      do: fc.constant('hello' as const),
      connection,
      port: fc.integer({ min: 1, max: 3 }),
      boot: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({ do: fc.constant('snapshot' as const), connection, numbers: fc.uniqueArray(number, { maxLength: 4 }) }),
    fc.record({ do: fc.constantFrom('add' as const, 'remove' as const, 'sessions' as const), connection, number }),
    fc.record({ do: fc.constantFrom('lost' as const, 'load' as const), connection }),
  );

  /** The same rules in the plainest words: what each connection last said, and which connections count. */
  interface Model {
    relays: Map<ConnectionId, { bootId: BootId; address: string; entries: Set<number>; snapshot: boolean }>;
  }

  function model({ relays }: Model, it: Step): void {
    const relay = relays.get(it.connection);
    switch (it.do) {
      case 'hello': {
        const { bootId, address } = relayAt(it.port, it.boot);
        for (const [id, other] of relays) if (other.bootId === bootId || other.address === address) relays.delete(id);
        relays.set(it.connection, { bootId, address, entries: new Set(), snapshot: false });
        return;
      }
      case 'snapshot':
        if (relay) Object.assign(relay, { entries: new Set(it.numbers), snapshot: true });
        return;
      case 'add':
        if (relay?.snapshot) relay.entries.add(it.number);
        return;
      case 'remove':
        relay?.entries.delete(it.number);
        return;
      case 'lost':
        relays.delete(it.connection);
        return;
      default:
    }
  }

  function apply(table: PresenceTable, it: Step, now: number): void {
    switch (it.do) {
      case 'hello':
        table.lost(it.connection, now);
        table.hello(it.connection, relayAt(it.port, it.boot), now);
        return;
      case 'snapshot':
        table.snapshot(
          it.connection,
          it.numbers.map((each) => entryNo(each, [HARNESS])),
          now,
        );
        return;
      case 'add':
        table.add(it.connection, entryNo(it.number, [HARNESS]), now);
        return;
      case 'remove':
        table.remove(it.connection, ticketNo(it.number).registrationId, now);
        return;
      case 'sessions':
        table.sessions(it.connection, ticketNo(it.number).registrationId, []);
        return;
      case 'load':
        table.load(it.connection, { streams: now, bytesPerSecond: 0, draining: false }, now);
        return;
      case 'lost':
        table.lost(it.connection, now);
        return;
      default:
        it satisfies never;
    }
  }

  it('has a route exactly where the last word of a standing connection was that the registration is there', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = new PresenceTable();
        const expected: Model = { relays: new Map() };
        for (const [now, each] of steps.entries()) {
          apply(table, each, now);
          model(expected, each);
          const routes = ENVIRONMENTS.flatMap((id) => table.routes(id))
            .map((route) => `${route.connection} ${route.bootId} ${route.address} ${route.ticket.registrationId}`)
            .sort();
          const wanted = [...expected.relays]
            .flatMap(([id, { bootId, address, entries }]) =>
              [...entries].map((each) => `${id} ${bootId} ${address} ${ticketNo(each).registrationId}`),
            )
            .sort();
          expect(routes).toEqual(wanted);
          expect(table.counts().entries).toBe(wanted.length);
        }
        for (const id of [...expected.relays.keys()]) table.lost(id, steps.length);
        table.expire(steps.length + SESSION_COPY_MS);
        expect(table.counts()).toEqual({ relays: 0, entries: 0, sessionTables: 0 });
      }),
      { numRuns: 500 },
    );
  });
});
