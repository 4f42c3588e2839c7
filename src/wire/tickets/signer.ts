import type { JWTPayload } from 'jose';
import type { TicketJwk } from '../own/presence.ts';
import {
  type ExecutorTicket,
  executorClaims,
  type HarnessAuthorization,
  type HarnessTicket,
  TICKET_HEADERS,
  TICKET_ISSUER,
  TICKET_VERSION,
  type TicketKind,
} from './claims.ts';
import { TicketError } from './error.ts';
import { generateTicketKey, TICKET_KEY_ACCEPTED_SECONDS, type TicketKey } from './keys.ts';
import { loadTicketKeys } from './keys-file.ts';

/** Signs tickets and authorizations (our-side §2). Registries have one; all replicas have the same keys. */
export class TicketSigner {
  #keys: readonly TicketKey[];

  constructor(keys: readonly TicketKey[]) {
    this.#keys = keys;
  }

  /** With a key of this process alone. */
  static generate(): TicketSigner {
    return new TicketSigner([generateTicketKey()]);
  }

  /** @throws TicketError `keys_file` */
  static async fromFile(path: string, options?: { allowGroupRead?: boolean }): Promise<TicketSigner> {
    return new TicketSigner(await loadTicketKeys(path, options));
  }

  /** Replaces all keys: the file has a newer version. */
  setKeys(keys: readonly TicketKey[]): void {
    this.#keys = keys;
  }

  /** What relays and registries verify with: all keys but those retired for longer than any ticket lives. `now` in seconds. */
  publicJwks(now: number): TicketJwk[] {
    return this.#keys
      .filter(({ retireAt }) => retireAt === undefined || now < retireAt + TICKET_KEY_ACCEPTED_SECONDS)
      .map(({ publicJwk }) => publicJwk);
  }

  /** @throws TicketError `no_signing_key`, as do the other two. `now` in seconds since the epoch. */
  signExecutorTicket(ticket: ExecutorTicket, now: number): Promise<string> {
    return this.#sign('executor', executorClaims(ticket), ticket.expiresAt, now);
  }

  signHarnessTicket({ expiresAt, ...claims }: HarnessTicket, now: number): Promise<string> {
    return this.#sign('harness', claims, expiresAt, now);
  }

  signAuthorization({ expiresAt, ...claims }: HarnessAuthorization, now: number): Promise<string> {
    return this.#sign('authorization', claims, expiresAt, now);
  }

  async #sign(kind: TicketKind, claims: JWTPayload, expiresAt: number, now: number): Promise<string> {
    const { kid, privateKey } = this.#signingKey(now);
    // Loaded when first used: most processes that load this room never touch a ticket.
    const { SignJWT } = await import('jose');
    const { typ, audience } = TICKET_HEADERS[kind];
    const issued = Math.floor(now);
    return new SignJWT({ ...claims, v: TICKET_VERSION })
      .setProtectedHeader({ alg: 'EdDSA', typ, kid })
      .setIssuer(TICKET_ISSUER)
      .setAudience(audience)
      .setIssuedAt(issued)
      .setNotBefore(issued)
      .setExpirationTime(Math.floor(expiresAt))
      .sign(privateKey);
  }

  /** The newest that may sign now. */
  #signingKey(now: number): TicketKey {
    const usable = this.#keys.filter(
      ({ notBefore, retireAt }) => notBefore <= now && (retireAt === undefined || now < retireAt),
    );
    const newest = usable.sort((a, b) => b.notBefore - a.notBefore)[0];
    if (!newest) throw new TicketError('no_signing_key', 'sign', 'no ticket key may sign at this time');
    return newest;
  }
}
