import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseBootId,
  parseEnvironmentId,
  parseFingerprint,
  parseIncarnation,
  parseKeyHash,
  parseKeyId,
  parseRegistrationId,
} from '../ids.ts';
import { MAX_SESSION_ENTRIES } from '../limits.ts';
import { codeOf } from '../testing/code-of.ts';
import { expectOnlyItsErrors } from '../testing/mutations.ts';
import { generateTicketKey } from '../tickets/keys.ts';
import { controlToRelay, controlToSidecar } from './control.ts';
import type { Deny, DenyMatch } from './deny.ts';
import { presenceToRegistry, presenceToRelay } from './presence.ts';
import { watchToRegistry, watchToSidecar } from './watch.ts';

const environmentId = parseEnvironmentId('team-a_build');
const registrationId = parseRegistrationId('r'.repeat(43));
const fingerprint = parseFingerprint(`SHA256:${'A'.repeat(43)}`);
const bootId = parseBootId('boot-0001');
const sessions = [{ harness: parseKeyHash(`SHA256:${'B'.repeat(43)}`), registrationId }];
const { publicJwk } = generateTicketKey();

function denyOf(match: DenyMatch): Deny {
  return { id: 'd1', environmentId, match, reason: 'revoked', since: 1000, until: 2000 };
}

const deny = denyOf({ fingerprint });
const ping = { type: 'ping' as const, nonce: 'n' };
const pong = { type: 'pong' as const, nonce: 'n' };

/** One message of each type of each format. */
const FORMATS = [
  {
    name: 'control to relay',
    format: controlToRelay,
    messages: [{ type: 'sessions' as const, sessions }, { type: 'ticket' as const, ticket: 'a.b.c' }, ping, pong],
  },
  {
    name: 'control to sidecar',
    format: controlToSidecar,
    messages: [
      { type: 'delivered' as const, streams: { s1: 65_536, 'any text ü': 0 } },
      { type: 'move' as const },
      ping,
      pong,
    ],
  },
  {
    name: 'presence to relay',
    format: presenceToRelay,
    messages: [
      { type: 'hello' as const, registryId: 'registry-1', ticketKeys: [publicJwk], denies: [deny] },
      { type: 'ticketKeys' as const, ticketKeys: [publicJwk] },
      { type: 'deny' as const, deny },
      { type: 'undeny' as const, denyId: 'd1' },
      { type: 'ping' as const, nonce: 'n', registrationId },
      { type: 'ack-request' as const, denyId: 'd1' },
      { type: 'forwarding' as const, answered: false },
      { type: 'removed' as const, registrationId },
    ],
  },
  {
    name: 'presence to registry',
    format: presenceToRegistry,
    messages: [
      { type: 'hello' as const, bootId, port: 8080 },
      { type: 'snapshot' as const, entries: [{ ticket: 'a.b.c', sessions }] },
      { type: 'add' as const, entry: { ticket: 'a.b.c', sessions: [] } },
      { type: 'remove' as const, registrationId },
      { type: 'sessions' as const, registrationId, sessions },
      { type: 'pong' as const, nonce: 'n', registrationId, alive: true },
      { type: 'load' as const, streams: 3, bytesPerSecond: 1.5, draining: false },
      { type: 'ack' as const, denyId: 'd1' },
      { type: 'penalty' as const, identityHash: 'h', environmentId, untilSeconds: 1000 },
      { type: 'lost' as const, bootId },
    ],
  },
  {
    name: 'watch to sidecar',
    format: watchToSidecar,
    messages: [
      { type: 'hello' as const, denies: [deny] },
      { type: 'deny' as const, deny },
      { type: 'undeny' as const, denyId: 'd1' },
      { type: 'refresh' as const },
      { type: 'relays' as const, count: 2, notForwarding: [bootId] },
      ping,
      pong,
    ],
  },
  {
    name: 'watch to registry',
    format: watchToRegistry,
    messages: [
      { type: 'ack' as const, denyId: 'd1' },
      {
        type: 'report' as const,
        keys: [{ keyId: parseKeyId('k1'), fingerprint, registrationId, present: true }],
        sessions: 0,
        lastActivity: 1000,
      },
      ping,
      pong,
    ],
  },
];

/** Each format with its own messages, seen alike. */
interface AnyFormat {
  encode(message: never): string;
  parse(text: string): unknown;
}

describe.each(FORMATS)('$name', ({ format, messages }) => {
  const codec: AnyFormat = format;
  const texts = messages.map((message) => codec.encode(message as never));

  it('writes version 1 and reads back each of its messages', () => {
    for (const [index, text] of texts.entries()) {
      expect(JSON.parse(text)).toMatchObject({ v: 1 });
      expect(codec.parse(text)).toEqual(messages[index]);
    }
  });

  it('leaves out members that a later release added', () => {
    for (const [index, text] of texts.entries()) {
      expect(codec.parse(JSON.stringify({ ...JSON.parse(text), later: { anything: 1 } }))).toEqual(messages[index]);
    }
  });

  it('has no answer for a type of a later release, and no error either', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 64 }), (type) => {
        fc.pre(!messages.some((message) => message.type === type));
        expect(codec.parse(JSON.stringify({ v: 1, type, anything: 1 }))).toBeUndefined();
      }),
    );
  });

  it('refuses another version, whatever the type', () => {
    for (const v of [0, 2, 99]) {
      for (const text of texts) {
        expect(codeOf(() => codec.parse(JSON.stringify({ ...JSON.parse(text), v })))).toBe('unknown_version');
      }
    }
  });

  it('refuses what has no version or type', () => {
    for (const text of ['{}', '[]', 'null', '1', '{"v":1}', '{"type":"ping"}', '{"v":"1","type":"ping"}']) {
      expect(codeOf(() => codec.parse(text))).toBe('malformed_value');
    }
    expect(codeOf(() => codec.parse('{"v":1'))).toBe('malformed_json');
  });

  it('meets 10,000 broken messages with nothing but WireErrors', () => {
    expectOnlyItsErrors(
      (bytes) => codec.parse(Buffer.from(bytes).toString()),
      texts.map((text) => Buffer.from(text)),
    );
  });
});

describe('denies', () => {
  it.each<DenyMatch>([
    { registrationId },
    { incarnation: parseIncarnation('pod-uid') },
    { fingerprint },
    { identityHash: 'h' },
    { identityHash: 'h', grant: 'team-a/ci' },
    { grant: 'team-a/ci' },
  ])('hit %j', (match) => {
    const message = { type: 'deny' as const, deny: denyOf(match) };
    expect(watchToSidecar.parse(watchToSidecar.encode(message))).toEqual(message);
  });

  it.each([{}, { registrationId, fingerprint }, { everything: true }, { identityHash: '' }])(
    'cannot hit %j',
    (match) => {
      const text = JSON.stringify({ v: 1, type: 'deny', deny: { ...deny, match } });
      expect(codeOf(() => watchToSidecar.parse(text))).toBe('malformed_value');
    },
  );
});

describe('bounds', () => {
  it('take a full session table and refuse one entry more', () => {
    const table = (length: number) => ({ type: 'sessions' as const, sessions: Array(length).fill(sessions[0]) });
    const full = controlToRelay.encode(table(MAX_SESSION_ENTRIES));
    expect(Buffer.byteLength(full)).toBeLessThan(262_144);
    expect(controlToRelay.parse(full)).toBeDefined();
    expect(codeOf(() => controlToRelay.parse(controlToRelay.encode(table(MAX_SESSION_ENTRIES + 1))))).toBe(
      'malformed_value',
    );
  });

  it('refuse a ticket key with its private half', () => {
    const text = JSON.stringify({ v: 1, type: 'ticketKeys', ticketKeys: [{ ...publicJwk, d: 'secret' }] });
    expect(codeOf(() => presenceToRelay.parse(text))).toBe('malformed_value');
  });

  it('say where a message is wrong, and nothing of what it holds', () => {
    const text = JSON.stringify({ v: 1, type: 'ticket', ticket: ['sesame'] });
    expect(() => controlToRelay.parse(text)).toThrow(/control to relay ticket: ticket: invalid_type/);
    expect(() => controlToRelay.parse('{"ticket":"sesame')).not.toThrow(/sesame/);
  });
});
