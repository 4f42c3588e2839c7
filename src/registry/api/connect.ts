import { type KeyId, type RegistrationId, registrationIdOf } from '../../wire/index.ts';
import type { ClientAuthentication, EnvironmentRecord, KeyRecord } from '../directory/directory.ts';
import type { Route, SessionCopy } from '../presence/table.ts';
import { winnerOf } from '../presence/winner.ts';
import { REFUSALS, type Refusal, refuse } from './answer.ts';

/**
 * From arrival to 409. Answers after 4.3 s were checked with the real harness, at start and in recovery; it gives up at 6 s
 * (`our-side.md` §5).
 */
export const MAX_HOLD_MS = 4_500;
/**
 * How long a harness whose incarnation was replaced is kept for the new one's socket of its key, while another key is there already.
 * The new sidecar dials all its keys at the same time; a changed key is fatal to a recovering Codex.
 */
export const SAME_KEY_GRACE_MS = 1_000;

/** All that decides a `connect`, looked at anew each time something changes while it is held. Times in ms since the epoch. */
export interface ConnectFacts {
  readonly now: number;
  readonly arrivedAt: number;
  readonly closing: boolean;
  readonly directory: { readonly synced: boolean; readonly complete: boolean };
  readonly client: ClientAuthentication;
  readonly record: EnvironmentRecord | undefined;
  readonly grant: string | undefined;
  /** Whether every ready relay reported, or had the time to: before that, absent proves nothing. */
  readonly presenceSettled: boolean;
  /** Present, and not denied. */
  readonly routes: readonly Route[];
  readonly session: SessionCopy | undefined;
}

export type ConnectDecision =
  | Refusal
  | { readonly kind: 'hold'; readonly until: number }
  | { readonly kind: 'serve'; readonly route: Route; readonly grant: string; readonly keyId: KeyId | undefined };

export function decideConnect(facts: ConnectFacts): ConnectDecision {
  const { client, record, grant } = facts;
  if (facts.closing) return REFUSALS.closing();
  if (!facts.directory.synced || client.outcome === 'unavailable') return REFUSALS.notSynced();
  if (client.outcome === 'expired') return REFUSALS.tokenExpired();
  if (client.outcome === 'unknown') return REFUSALS.tokenInvalid();
  if (record === undefined) {
    return facts.directory.complete ? REFUSALS.notAuthorized('unknown_environment') : REFUSALS.notSynced();
  }
  if (grant === undefined) return REFUSALS.notAuthorized('no_grant');
  const pick = pickRoute(record, facts);
  if (pick.kind === 'route') return { kind: 'serve', route: pick.route, grant, keyId: pick.keyId };
  return holdOrGiveUp(facts, pick.lookAgainAt);
}

function holdOrGiveUp(facts: ConnectFacts, lookAgainAt: number | undefined): ConnectDecision {
  const until = facts.arrivedAt + MAX_HOLD_MS;
  if (facts.now < until) return { kind: 'hold', until: Math.min(until, lookAgainAt ?? until) };
  if (!facts.presenceSettled) return REFUSALS.notSynced();
  return refuse(
    409,
    'environment_offline',
    'The environment is known and you may use it, but its executor is not connected. Try again; its owner sees why in its status.',
  );
}

type Pick =
  | { readonly kind: 'route'; readonly route: Route; readonly keyId: KeyId | undefined }
  | { readonly kind: 'none'; readonly lookAgainAt?: number };

interface PickFacts {
  readonly now: number;
  readonly arrivedAt: number;
  readonly routes: readonly Route[];
  readonly session: SessionCopy | undefined;
}

/** Which registration a harness is sent to, and over which relay (`our-side.md` §6, §7, §9). Only among those that are present. */
function pickRoute(record: EnvironmentRecord, facts: PickFacts): Pick {
  if (record.runtime === 'External') return chosen(leastLoaded(winnerOf(facts.routes)), undefined);
  const incarnation = record.fence.current;
  if (incarnation === undefined) return { kind: 'none' };
  const serving = record.keys.filter(isServing);
  const at = (key: KeyRecord) => routesOf(facts.routes, registrationIdOf(record.id, incarnation, key.fingerprint));
  const sessionKey = keyOfSession(record, serving, facts.session);
  if (sessionKey !== undefined) {
    const routes = at(sessionKey);
    const ofThisLife = facts.session?.incarnation === incarnation;
    if (routes.length > 0) return chosen(leastLoaded(routes), sessionKey.id);
    // Its session is alive under this key: any other key ends its recovery, so it waits until the key is back or the hold is over.
    if (ofThisLife) return { kind: 'none' };
    const graceEnds = facts.arrivedAt + SAME_KEY_GRACE_MS;
    if (facts.now < graceEnds) return { kind: 'none', lookAgainAt: graceEnds };
  }
  const newest = serving.findLast((key) => at(key).length > 0);
  return newest === undefined ? { kind: 'none' } : chosen(leastLoaded(at(newest)), newest.id);
}

/** Handed out or accepted: `design.md` §4. */
export function isServing(key: KeyRecord): boolean {
  return key.state === 'Prepared' || key.state === 'Active' || key.state === 'Retiring';
}

/**
 * The key that a session copy stands for, when it is still served. The registration id says which one it is: it is computed from the key.
 * Undefined when the overlap is over: then the session is no reason any more.
 */
function keyOfSession(
  record: EnvironmentRecord,
  serving: readonly KeyRecord[],
  session: SessionCopy | undefined,
): KeyRecord | undefined {
  if (session === undefined) return undefined;
  return serving.find((key) => isUnder(key, session, record));
}

function isUnder({ fingerprint }: KeyRecord, { registrationId, incarnation }: SessionCopy, { id }: EnvironmentRecord) {
  return registrationIdOf(id, incarnation, fingerprint) === registrationId;
}

/** Whether a session copy is under a key of this record that is served. */
export function isServed(copy: SessionCopy, record: EnvironmentRecord): boolean {
  return record.keys.some((key) => isServing(key) && isUnder(key, copy, record));
}

function routesOf(routes: readonly Route[], registrationId: RegistrationId): Route[] {
  return routes.filter((route) => route.ticket.registrationId === registrationId);
}

/**
 * Not to a relay that drains, does not forward or is not reached by others if there is another; else to the one with the fewest streams. Ties
 * by boot id, so that tests can tell. One that drains at least says no at once, and one that others do not reach serves who lands on it.
 */
function leastLoaded(routes: readonly Route[]): Route | undefined {
  const rank = ({ forwards, suspect, load }: Route) => (forwards ? 0 : 4) + (suspect ? 2 : 0) + (load.draining ? 1 : 0);
  return [...routes].sort(
    (a, b) => rank(a) - rank(b) || a.load.streams - b.load.streams || (a.bootId < b.bootId ? -1 : 1),
  )[0];
}

function chosen(route: Route | undefined, keyId: KeyId | undefined): Pick {
  return route === undefined ? { kind: 'none' } : { kind: 'route', route, keyId };
}
