import { createPublicKey, type KeyObject } from 'node:crypto';
import type { JWTHeaderParameters, JWTPayload } from 'jose';
import { MAX_TICKET_LENGTH } from '../limits.ts';
import type { TicketJwk } from '../own/presence.ts';
import {
  CLAIM_SCHEMAS,
  type ExecutorTicket,
  type HarnessAuthorization,
  type HarnessTicket,
  TICKET_HEADERS,
  TICKET_ISSUER,
  TICKET_VERSION,
  type TicketKind,
} from './claims.ts';
import { TicketError } from './error.ts';

/** How far clocks of registries and relays may differ, in seconds; a twelfth of the shortest life. */
export const TICKET_CLOCK_SKEW_SECONDS = 5;

/** Checks tickets and authorizations against public keys. Knows nothing of `jti`s that were used: its caller keeps those. */
export class TicketVerifier {
  #keys = new Map<string, KeyObject>();

  constructor(jwks: readonly TicketJwk[]) {
    this.setKeys(jwks);
  }

  /** Replaces all keys. Throws for a JWK that is no Ed25519 key, and then keeps what it had. */
  setKeys(jwks: readonly TicketJwk[]): void {
    this.#keys = new Map(jwks.map(({ kty, crv, x, kid }) => [kid, publicKeyOf({ kty, crv, x })]));
  }

  /** @throws TicketError `ticket_invalid`, `ticket_wrong_type`, `ticket_version`, `ticket_expired`. `now` in seconds. */
  async verifyExecutorTicket(token: string, now: number): Promise<ExecutorTicket> {
    const claims = CLAIM_SCHEMAS.executor.safeParse(await this.#verify('executor', token, now));
    if (!claims.success) throw badClaims('executor');
    return claims.data;
  }

  /** As `verifyExecutorTicket`. */
  async verifyHarnessTicket(token: string, now: number): Promise<HarnessTicket> {
    const claims = CLAIM_SCHEMAS.harness.safeParse(await this.#verify('harness', token, now));
    if (!claims.success) throw badClaims('harness');
    return claims.data;
  }

  /** As `verifyExecutorTicket`. */
  async verifyAuthorization(token: string, now: number): Promise<HarnessAuthorization> {
    const claims = CLAIM_SCHEMAS.authorization.safeParse(await this.#verify('authorization', token, now));
    if (!claims.success) throw badClaims('authorization');
    return claims.data;
  }

  async #verify(kind: TicketKind, token: string, now: number): Promise<JWTPayload> {
    if (!isCanonical(token)) throw new TicketError('ticket_invalid', kind, 'not a compact JWT in its one spelling');
    const { typ, audience } = TICKET_HEADERS[kind];
    const { payload, protectedHeader } = await this.#signed(kind, token, audience, now);
    if (protectedHeader.typ !== typ) throw new TicketError('ticket_wrong_type', kind, 'another kind of ticket');
    if (payload.v !== TICKET_VERSION) throw new TicketError('ticket_version', kind, `not version ${TICKET_VERSION}`);
    return payload;
  }

  async #signed(kind: TicketKind, token: string, audience: string, now: number) {
    const { jwtVerify } = await loadJose();
    try {
      return await jwtVerify(token, (header) => this.#keyOf(kind, header), {
        algorithms: ['EdDSA'],
        issuer: TICKET_ISSUER,
        audience,
        requiredClaims: ['exp', 'iat', 'nbf'],
        currentDate: new Date(now * 1000),
        clockTolerance: TICKET_CLOCK_SKEW_SECONDS,
      });
    } catch (error) {
      throw refusal(kind, error);
    }
  }

  #keyOf(kind: TicketKind, { kid }: JWTHeaderParameters): KeyObject {
    const key = this.#keys.get(kid ?? '');
    if (!key) throw new TicketError('ticket_invalid', kind, 'no key of this name');
    return key;
  }
}

/**
 * Three parts of base64url, each as an encoder writes it. The library's decoder skips white space and unused bits, and a ticket that can be
 * spelled in two ways is two tickets to whoever compares texts.
 */
function isCanonical(token: string): boolean {
  if (token.length > MAX_TICKET_LENGTH) return false;
  const parts = token.split('.');
  return parts.length === 3 && parts.every((part) => Buffer.from(part, 'base64url').toString('base64url') === part);
}

function publicKeyOf(jwk: Pick<TicketJwk, 'kty' | 'crv' | 'x'>): KeyObject {
  return createPublicKey({ key: jwk, format: 'jwk' });
}

/** No cause: errors of the library carry the claims. Its codes are stable, and hold nothing. */
function refusal(kind: TicketKind, error: unknown): TicketError {
  if (error instanceof TicketError) return error;
  const code = error instanceof Error && 'code' in error ? error.code : 'malformed';
  if (code === 'ERR_JWT_EXPIRED') return new TicketError('ticket_expired', kind, 'its time is over');
  if (error instanceof Error && 'claim' in error && error.claim === 'aud') {
    return new TicketError('ticket_wrong_type', kind, 'another kind of ticket');
  }
  return new TicketError('ticket_invalid', kind, String(code));
}

function badClaims(kind: TicketKind): TicketError {
  return new TicketError('ticket_invalid', kind, 'a claim is missing or malformed');
}

let jose: Promise<typeof import('jose')> | undefined;

/** When first used: most processes that load this room never touch a ticket. Kept: finding the module again took 7 % of the time of a check. */
function loadJose(): Promise<typeof import('jose')> {
  jose ??= import('jose');
  return jose;
}
