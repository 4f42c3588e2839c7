import { decodeJwt } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  decodeTicketKeys,
  type ExecutorTicket,
  encodeTicketKeys,
  generateTicketKey,
  type HarnessAuthorization,
  type HarnessTicket,
  parseBody,
  TicketSigner,
  TicketVerifier,
} from '../../src/wire/index.ts';
import { executorClaims } from '../../src/wire/tickets/claims.ts';
import { frozenBodies, frozenMessages, frozenTickets, madeBy } from './frozen.ts';
import { PREVIOUS_COMMIT } from './previous.ts';
import { type PreviousWire, previousWire } from './previous-wire.ts';
import { BODY_NAMES, BODY_SCHEMAS, SAMPLE_TIME, SAMPLED_BODIES, SAMPLED_TICKETS } from './sampled-bodies.ts';
import { SAMPLED_FORMATS } from './samples.ts';

const typesOf = (messages: readonly { readonly type: string }[]) => [...new Set(messages.map(({ type }) => type))];

/** What a message says, without the version that its format adds. */
function meaningOf(text: string): { type: string } {
  const { v: _, ...meaning } = JSON.parse(text);
  return meaning;
}

/** As an executor ticket's claims are written: its keys are text there. */
const claimsOf = (ticket: ExecutorTicket | HarnessTicket | HarnessAuthorization): object =>
  'publicKey' in ticket ? executorClaims(ticket) : ticket;

/** The claims of a ticket of ours, as whoever signed it wrote them. */
function claimsIn(token: string): object {
  const { v: _, iss: _iss, aud: _aud, iat: _iat, nbf: _nbf, exp: _exp, ...claims } = decodeJwt(token);
  return claims;
}

describe('what the previous release wrote', () => {
  it.each([...SAMPLED_FORMATS.map(({ name }) => name), 'tickets', 'registryApi'])(
    'in %s.json is of that very release: else run `npm run freeze`',
    (name) => expect(madeBy(name)).toBe(PREVIOUS_COMMIT),
  );

  it.each(SAMPLED_FORMATS)('to $name is understood as it was meant', ({ name, parse }) => {
    const messages = frozenMessages(name);
    expect(messages).not.toEqual([]);
    for (const message of messages) {
      const text = JSON.stringify(message);
      expect(parse(text), text).toMatchObject(meaningOf(text));
    }
  });

  it('in tickets is as good today, and says the same', async () => {
    const { now, keysFile, executor, harness, authorization } = frozenTickets();
    const verifier = new TicketVerifier(new TicketSigner(decodeTicketKeys(keysFile)).publicJwks(now));
    const verified = [
      ...executor.map((token) => [token, verifier.verifyExecutorTicket(token, now)] as const),
      ...harness.map((token) => [token, verifier.verifyHarnessTicket(token, now)] as const),
      ...authorization.map((token) => [token, verifier.verifyAuthorization(token, now)] as const),
    ];
    expect(verified).toHaveLength(5);
    for (const [token, ticket] of verified) expect(claimsOf(await ticket)).toMatchObject(claimsIn(token));
  });

  it('in bodies of the registry API is understood as it was meant', () => {
    const bodies = frozenBodies();
    expect(Object.keys(bodies)).toEqual(BODY_NAMES);
    for (const name of BODY_NAMES) {
      expect(parseBody(BODY_SCHEMAS[name], JSON.stringify(bodies[name]), name)).toMatchObject(bodies[name] ?? {});
    }
  });
});

describe('what this release writes', () => {
  let previous: PreviousWire;

  beforeAll(async () => {
    previous = await previousWire();
  });

  it.each(SAMPLED_FORMATS)('to $name has a sample of each type', ({ types, sampled }) => {
    expect([...sampled].sort()).toEqual([...types].sort());
  });

  it.each(SAMPLED_FORMATS)('to $name says the same to the previous release, or nothing', ({ name, texts }) => {
    const understood = texts.flatMap((text) => {
      const message = previous[name].parse(text);
      // It leaves out what it does not know; what it does know it must find.
      if (message !== undefined) expect(meaningOf(text)).toMatchObject(message);
      return message === undefined ? [] : [meaningOf(text)];
    });
    expect(typesOf(understood)).toEqual(typesOf(frozenMessages(name)));
  });

  it('in tickets is good for the previous release, and says the same', async () => {
    const keys = [generateTicketKey()];
    const signer = new TicketSigner(keys);
    const [now, file] = [SAMPLE_TIME, encodeTicketKeys(keys)];
    const verifier = new previous.TicketVerifier(
      new previous.TicketSigner(previous.decodeTicketKeys(file)).publicJwks(now),
    );
    for (const ticket of SAMPLED_TICKETS.executor) {
      const token = await signer.signExecutorTicket(ticket, now);
      expect(claimsOf(ticket)).toMatchObject(claimsOf(await verifier.verifyExecutorTicket(token, now)));
    }
    for (const ticket of SAMPLED_TICKETS.harness) {
      const token = await signer.signHarnessTicket(ticket, now);
      expect(ticket).toMatchObject(await verifier.verifyHarnessTicket(token, now));
    }
    for (const ticket of SAMPLED_TICKETS.authorization) {
      const token = await signer.signAuthorization(ticket, now);
      expect(ticket).toMatchObject(await verifier.verifyAuthorization(token, now));
    }
  });

  it('in bodies of the registry API is understood by the previous release', () => {
    for (const name of BODY_NAMES) {
      const body = previous.parseBody(previous[name], JSON.stringify(SAMPLED_BODIES[name]), name);
      expect(SAMPLED_BODIES[name]).toMatchObject(body);
    }
  });
});
