import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ExecutorTicket,
  type Fingerprint,
  type Incarnation,
  parseBootId,
  parseEnvironmentId,
  parseFingerprint,
  parseIncarnation,
  parseKeyHash,
  parseKeyId,
  registrationIdOf,
} from '../../wire/index.ts';
import type { EnvironmentRecord, KeyRecord, KeyState } from '../directory/directory.ts';
import type { Route } from '../presence/table.ts';
import { type ConnectFacts, decideConnect, MAX_HOLD_MS, SAME_KEY_GRACE_MS } from './connect.ts';
import { CLAIM_GRACE_MS, decideRegister, type RegisterFacts } from './register.ts';
import { decideValidate, type ValidateFacts } from './validate.ts';

const ENV = parseEnvironmentId('team-a_build');
const POD = parseIncarnation('uid-1');
const OLD_POD = parseIncarnation('uid-0');

function fingerprint(letter: string): Fingerprint {
  return parseFingerprint(`SHA256:${letter.repeat(43)}`);
}

function key(number: number, state: KeyState = 'Active'): KeyRecord {
  return { id: parseKeyId(`k${number}`), fingerprint: fingerprint(String(number)), state };
}

function pod(keys: readonly KeyRecord[] = [key(1)], more: Partial<EnvironmentRecord> = {}): EnvironmentRecord {
  return { id: ENV, runtime: 'BuiltIn', fence: { current: POD, former: [OLD_POD] }, keys, ...more };
}

function ticket(number: number, incarnation: Incarnation = POD): ExecutorTicket {
  return {
    environmentId: ENV,
    incarnation,
    registrationId: registrationIdOf(ENV, incarnation, fingerprint(String(number))),
    publicKey: { x25519: new Uint8Array(32), mlkem768: new Uint8Array(1184) },
    firstRegistrationTime: 0,
    runtime: 'sidecar',
    expiresAt: 0,
  };
}

function route(
  number: number,
  more: { incarnation?: Incarnation; boot?: string; load?: Partial<Route['load']>; suspect?: boolean } = {},
): Route {
  return {
    connection: 1,
    bootId: parseBootId(more.boot ?? 'relay-boot-1'),
    address: '10.0.0.1:1',
    ticket: ticket(number, more.incarnation),
    forwards: true,
    load: { streams: 0, bytesPerSecond: 0, draining: false, ...more.load },
    suspect: more.suspect ?? false,
  };
}

describe('decideConnect', () => {
  const facts: ConnectFacts = {
    now: 1_000,
    arrivedAt: 1_000,
    closing: false,
    directory: { synced: true, complete: true },
    client: { outcome: 'proven', identity: 'sa:ci/runner' },
    record: pod(),
    grant: 'team-a/ci',
    presenceSettled: true,
    routes: [route(1)],
    session: undefined,
  };
  const atTheEnd = { now: 1_000 + MAX_HOLD_MS, routes: [] };

  it.each<[string, Partial<ConnectFacts>, number, string]>([
    ['the registry stops', { closing: true }, 503, 'closing'],
    ['nothing is read yet', { directory: { synced: false, complete: false } }, 503, 'not_synced'],
    ['the credential cannot be checked now', { client: { outcome: 'unavailable' } }, 503, 'not_synced'],
    ['the credential is nobody’s', { client: { outcome: 'unknown' } }, 401, 'token_invalid'],
    ['the credential expired', { client: { outcome: 'expired' } }, 401, 'token_expired'],
    ['no grant allows it', { grant: undefined }, 403, 'no_grant'],
    ['no such environment', { record: undefined, grant: undefined }, 403, 'unknown_environment'],
    [
      'the id is unknown while the source is away',
      { record: undefined, grant: undefined, directory: { synced: true, complete: false } },
      503,
      'not_synced',
    ],
    ['nothing is present at the end of the hold', atTheEnd, 409, 'environment_offline'],
    ['nothing is present and relays have not all reported', { ...atTheEnd, presenceSettled: false }, 503, 'not_synced'],
    [
      'no pod is the fence',
      { ...atTheEnd, record: pod([key(1)], { fence: { current: undefined, former: [] } }) },
      409,
      'environment_offline',
    ],
    [
      'only a revoked key is present',
      { now: atTheEnd.now, record: pod([key(1, 'Revoked')]) },
      409,
      'environment_offline',
    ],
  ])('refuses when %s', (_when, change, status, reason) => {
    expect(decideConnect({ ...facts, ...change })).toMatchObject({ kind: 'refuse', status, reason });
  });

  it('holds from arrival to 4.5 s, however often it looks again', () => {
    const until = facts.arrivedAt + MAX_HOLD_MS;
    expect(decideConnect({ ...facts, routes: [] })).toEqual({ kind: 'hold', until });
    expect(decideConnect({ ...facts, routes: [], now: until - 1 })).toEqual({ kind: 'hold', until });
  });

  it.each<[string, Partial<ConnectFacts>, string]>([
    [
      'the newest key that is present',
      { record: pod([key(1, 'Retiring'), key(2)]), routes: [route(1), route(2)] },
      'k2',
    ],
    ['an older one while the newest is not', { record: pod([key(1), key(2, 'Prepared')]), routes: [route(1)] }, 'k1'],
    ['no revoked key', { record: pod([key(1), key(2, 'Revoked')]), routes: [route(1), route(2)] }, 'k1'],
  ])('serves %s', (_what, change, keyId) => {
    expect(decideConnect({ ...facts, ...change })).toMatchObject({ kind: 'serve', keyId });
  });

  it('keeps a harness with a living session at its key, and holds when it is away', () => {
    const session = { registrationId: ticket(1).registrationId, incarnation: POD };
    const record = pod([key(1, 'Retiring'), key(2)]);
    expect(decideConnect({ ...facts, record, session, routes: [route(1), route(2)] })).toMatchObject({ keyId: 'k1' });
    const away = { ...facts, record, session, routes: [route(2)] };
    expect(decideConnect(away)).toMatchObject({ kind: 'hold' });
    expect(decideConnect({ ...away, now: atTheEnd.now })).toMatchObject({ status: 409 });
  });

  it('sends a harness of the pod before to the same key of the new one, after a short wait to the newest', () => {
    const session = { registrationId: ticket(1, OLD_POD).registrationId, incarnation: OLD_POD };
    const record = pod([key(1, 'Retiring'), key(2)]);
    expect(decideConnect({ ...facts, record, session, routes: [route(1), route(2)] })).toMatchObject({ keyId: 'k1' });
    const newerOnly = { ...facts, record, session, routes: [route(2)] };
    expect(decideConnect(newerOnly)).toEqual({ kind: 'hold', until: facts.arrivedAt + SAME_KEY_GRACE_MS });
    expect(decideConnect({ ...newerOnly, now: facts.arrivedAt + SAME_KEY_GRACE_MS })).toMatchObject({ keyId: 'k2' });
  });

  it('prefers a relay that does not drain, then the one with fewer streams', () => {
    const busy = route(1, { boot: 'relay-boot-1', load: { streams: 9 } });
    const draining = route(1, { boot: 'relay-boot-2', load: { draining: true } });
    const free = route(1, { boot: 'relay-boot-3', load: { streams: 2 } });
    const served = (routes: Route[]) => decideConnect({ ...facts, routes });
    expect(served([busy, draining, free])).toMatchObject({ route: { bootId: 'relay-boot-3' } });
    expect(served([busy, draining])).toMatchObject({ route: { bootId: 'relay-boot-1' } });
    expect(served([draining])).toMatchObject({ route: { bootId: 'relay-boot-2' } });
    const unreached = route(1, { boot: 'relay-boot-4', suspect: true });
    expect(served([unreached, draining])).toMatchObject({ route: { bootId: 'relay-boot-2' } });
    expect(served([unreached])).toMatchObject({ route: { bootId: 'relay-boot-4' } });
  });

  it('never serves what is not a present registration of the fence under a key that is served', () => {
    const states = fc.constantFrom<KeyState>('Prepared', 'Active', 'Retiring', 'Revoked', 'Destroyed');
    const routes = fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.constantFrom(POD, OLD_POD)), { maxLength: 6 });
    const session = fc.option(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.constantFrom(POD, OLD_POD)), {
      nil: undefined,
    });
    fc.assert(
      fc.property(
        fc.array(states, { maxLength: 3 }),
        routes,
        session,
        fc.nat(6_000),
        (keyStates, present, copy, wait) => {
          const record = pod(keyStates.map((state, index) => key(index + 1, state)));
          const decision = decideConnect({
            ...facts,
            record,
            now: facts.arrivedAt + wait,
            routes: present.map(([number, incarnation]) => route(number, { incarnation })),
            session: copy && { registrationId: ticket(copy[0], copy[1]).registrationId, incarnation: copy[1] },
          });
          if (decision.kind === 'hold') expect(decision.until).toBeGreaterThan(facts.arrivedAt + wait);
          if (decision.kind !== 'serve') return;
          const served = keyStates.findIndex(
            (_, i) => ticket(i + 1).registrationId === decision.route.ticket.registrationId,
          );
          expect(['Prepared', 'Active', 'Retiring']).toContain(keyStates[served]);
          expect(present.some(([number, life]) => number === served + 1 && life === POD)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('decideRegister', () => {
  const facts: RegisterFacts = {
    now: 50_000,
    closing: false,
    synced: true,
    environmentId: ENV,
    executor: { outcome: 'proven', environmentId: ENV, incarnation: POD },
    record: pod(),
    fingerprint: fingerprint('1'),
    claim: undefined,
    claimAnswers: undefined,
    firstRegistrationTime: undefined,
  };
  const of = (incarnation: Incarnation) => ({ outcome: 'proven', environmentId: ENV, incarnation }) as const;

  it.each<[string, Partial<RegisterFacts>, number, string, string]>([
    [
      'the pod is not the fence yet',
      { executor: of(parseIncarnation('uid-2')) },
      409,
      'not_admitted_yet',
      'not_the_fence',
    ],
    ['the pod was replaced', { executor: of(OLD_POD) }, 403, 'superseded', 'superseded'],
    ['the environment of a pod was removed', { record: undefined }, 403, 'superseded', 'superseded'],
    [
      'the fingerprint is not seen here',
      { fingerprint: fingerprint('9') },
      409,
      'not_admitted_yet',
      'fingerprint_not_seen',
    ],
    ['the key is revoked', { record: pod([key(1, 'Revoked')]) }, 403, 'key_not_current', 'key_revoked'],
    ['the key is gone', { record: pod([key(1, 'Destroyed')]) }, 403, 'key_not_current', 'key_destroyed'],
    [
      'the credential is of another environment',
      { environmentId: parseEnvironmentId('team-b_x') },
      404,
      'not_found',
      'not_found',
    ],
    ['the credential is nobody’s', { executor: { outcome: 'unknown' } }, 401, 'token_invalid', 'token_invalid'],
    ['the credential expired', { executor: { outcome: 'expired' } }, 401, 'token_expired', 'token_expired'],
    ['nothing is read yet', { synced: false }, 503, 'not_synced', 'not_synced'],
  ])('refuses when %s', (_when, change, status, code, reason) => {
    expect(decideRegister({ ...facts, ...change })).toMatchObject({ kind: 'refuse', status, code, reason });
  });

  it.each<KeyState>(['Prepared', 'Active', 'Retiring'])('admits the fence with a key that is %s', (state) => {
    expect(decideRegister({ ...facts, record: pod([key(1, state)]) })).toMatchObject({
      kind: 'admit',
      keyId: 'k1',
      incarnation: POD,
      registrationId: ticket(1).registrationId,
    });
  });

  describe('for External', () => {
    const record = pod([], { runtime: 'External', fence: { current: undefined, former: [] } });
    const external = {
      ...facts,
      record,
      executor: { outcome: 'proven', environmentId: ENV, incarnation: undefined } as const,
    };
    const other = registrationIdOf(ENV, parseIncarnation(fingerprint('8')), fingerprint('8'));
    const claim = { registrationId: other, firstRegistrationTime: 49, present: true, issuedAt: undefined };

    it('asks for the standing one before it refuses or replaces it', () => {
      expect(decideRegister({ ...external, claim })).toEqual({ kind: 'ask', registrationId: other });
      expect(decideRegister({ ...external, claim, claimAnswers: true })).toMatchObject({ code: 'environment_in_use' });
      expect(decideRegister({ ...external, claim, claimAnswers: false })).toMatchObject({
        kind: 'admit',
        replaces: other,
      });
    });

    it('lets a claim that was just issued stand for a moment, then no longer', () => {
      const issued = { ...claim, present: false, issuedAt: facts.now };
      expect(decideRegister({ ...external, claim: issued })).toMatchObject({ code: 'environment_in_use' });
      const later = { ...external, claim: issued, now: facts.now + CLAIM_GRACE_MS };
      expect(decideRegister(later)).toMatchObject({ kind: 'admit', replaces: other });
    });

    it('keeps the first registration time of the same key, and gives a newcomer a later one, whatever the clock says', () => {
      const life = parseIncarnation(facts.fingerprint);
      const own = { ...claim, registrationId: registrationIdOf(ENV, life, facts.fingerprint) };
      expect(decideRegister({ ...external, claim: own })).toMatchObject({
        firstRegistrationTime: 49,
        replaces: undefined,
      });
      const ahead = { ...claim, firstRegistrationTime: 100 };
      expect(decideRegister({ ...external, claim: ahead, claimAnswers: false })).toMatchObject({
        firstRegistrationTime: expect.closeTo(100.001, 6),
      });
    });
  });
});

describe('decideValidate', () => {
  const harnessKeyHash = parseKeyHash(`SHA256:${'H'.repeat(43)}`);
  const claims = {
    environmentId: ENV,
    registrationId: ticket(1).registrationId,
    harnessKeyHash,
    jti: 'j',
    grant: 'team-a/ci',
    identity: 'sa:ci/runner',
    expiresAt: 60,
  };
  const facts: ValidateFacts = {
    closing: false,
    synced: true,
    environmentId: ENV,
    executor: { outcome: 'proven', environmentId: ENV, incarnation: POD },
    record: pod(),
    registrationId: claims.registrationId,
    harnessKeyHash,
    authorization: { claims },
    alreadyUsed: false,
    denied: false,
    grant: 'team-a/other',
  };

  it('says yes with the grant that allows it now', () => {
    expect(decideValidate(facts)).toMatchObject({ kind: 'valid', grant: 'team-a/other', keyId: 'k1', tellsWho: true });
  });

  it.each<[string, Partial<ValidateFacts>, string]>([
    ['the authorization expired', { authorization: { refused: 'ticket_expired' } }, 'ticket_expired'],
    ['it is forged', { authorization: { refused: 'ticket_invalid' } }, 'ticket_invalid'],
    ['it is a ticket of another kind', { authorization: { refused: 'ticket_wrong_type' } }, 'ticket_wrong_type'],
    [
      'it is of another environment',
      { authorization: { claims: { ...claims, environmentId: parseEnvironmentId('team-b_x') } } },
      'authorization_of_another_environment',
    ],
    [
      'it is of another registration',
      { authorization: { claims: { ...claims, registrationId: ticket(2).registrationId } } },
      'authorization_of_another_registration',
    ],
    [
      'it is of another harness',
      { harnessKeyHash: parseKeyHash(`SHA256:${'X'.repeat(43)}`) },
      'authorization_of_another_harness_key',
    ],
    ['it was used', { alreadyUsed: true }, 'authorization_used'],
    ['the grant ended', { grant: undefined }, 'no_grant'],
    ['the registration is denied', { denied: true }, 'registration_denied'],
    [
      'the executor asks for a registration that is not its own',
      { registrationId: ticket(5).registrationId },
      'registration_unknown',
    ],
    ['its key was revoked', { record: pod([key(1, 'Revoked')]) }, 'key_revoked'],
    [
      'its pod was replaced',
      { executor: { outcome: 'proven', environmentId: ENV, incarnation: OLD_POD } },
      'executor_not_the_fence',
    ],
  ])('says no when %s', (_when, change, reason) => {
    expect(decideValidate({ ...facts, ...change })).toEqual({ kind: 'invalid', reason });
  });

  it.each<[string, Partial<ValidateFacts>, number]>([
    ['the credential is nobody’s', { executor: { outcome: 'unknown' } }, 401],
    ['the credential expired', { executor: { outcome: 'expired' } }, 401],
    ['the credential cannot be checked now', { executor: { outcome: 'unavailable' } }, 503],
    ['nothing is read yet', { synced: false }, 503],
    ['the registry stops', { closing: true }, 503],
    ['the credential is of another environment', { environmentId: parseEnvironmentId('team-b_x') }, 404],
  ])('refuses when %s', (_when, change, status) => {
    expect(decideValidate({ ...facts, ...change })).toMatchObject({ kind: 'refuse', status });
  });
});
