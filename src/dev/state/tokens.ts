import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { readFileIfThere, writeFileIfChanged } from './atomic-file.ts';

/** 256 bits: not to be guessed, and its bare SHA-256 is therefore safe to keep. */
const TOKEN_BYTES = 32;
/** Lets scanners of secrets know one when they see it. */
const TOKEN_PREFIX = 'nfdev_';
/** Expired tokens that are remembered per holder, so that the registry can say "expired" and not "unknown". */
const MAX_REMEMBERED = 100;

/** A new token is handed out when it had this part of its life, at most this long, to become known to the registry. */
const SETTLE_FRACTION = 0.125;
const MAX_SETTLE_MS = 3000;

const issuedSchema = z.object({
  sha256: z.string(),
  /** Instants are milliseconds since the epoch. */
  issuedAt: z.number(),
  expiresAt: z.number(),
  /** Only of the newest two: of the others nobody needs more than the hash. */
  token: z.string().optional(),
});
const fileSchema = z.object({
  version: z.literal(1),
  /** Newest first. */
  holders: z.record(z.string(), z.array(issuedSchema).min(1)),
});

export type IssuedToken = z.infer<typeof issuedSchema>;

export interface HandedOut {
  readonly token: string;
  readonly expiresAt: number;
}

export interface TokenBookOptions {
  readonly path: string;
  /** Milliseconds that a token is good for. A new one is made at half of that, so two are valid while it spreads. */
  readonly ttl: number;
}

/** Bearer tokens by holder, renewed ahead of their end and kept over restarts. */
export class TokenBook {
  readonly #path: string;
  readonly #ttl: number;
  readonly #holders: Map<string, readonly IssuedToken[]>;

  constructor({ path, ttl }: TokenBookOptions) {
    this.#path = path;
    this.#ttl = ttl;
    this.#holders = new Map(Object.entries(readHolders(path)));
  }

  /** Makes a new token for each holder whose newest is due, forgets everybody else, and writes the book down. */
  renew(holders: ReadonlySet<string>, now: number): void {
    for (const holder of this.#holders.keys()) if (!holders.has(holder)) this.#holders.delete(holder);
    for (const holder of holders) {
      const issued = this.issuedTo(holder);
      if (this.#isDue(issued[0], now))
        this.#holders.set(holder, [this.#make(now), ...issued.map(remembered)].slice(0, MAX_REMEMBERED));
    }
    writeFileIfChanged(this.#path, JSON.stringify({ version: 1, holders: Object.fromEntries(this.#holders) }));
  }

  /** Every remembered token of `holder`, newest first, expired ones included. */
  issuedTo(holder: string): readonly IssuedToken[] {
    return this.#holders.get(holder) ?? [];
  }

  /** What to give to `holder` now: the newest token that everybody had the time to hear of. Undefined before the first `renew`. */
  handOut(holder: string, now: number): HandedOut | undefined {
    const valid = this.issuedTo(holder).filter(({ expiresAt }) => expiresAt > now);
    const settled = valid.find(
      ({ issuedAt }) => now >= issuedAt + Math.min(MAX_SETTLE_MS, this.#ttl * SETTLE_FRACTION),
    );
    const { token, expiresAt } = settled ?? valid[0] ?? {};
    return token === undefined || expiresAt === undefined ? undefined : { token, expiresAt };
  }

  #make(now: number): IssuedToken {
    const token = TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
    return { sha256: sha256Hex(token), issuedAt: now, expiresAt: now + this.#ttl, token };
  }

  /** Due at half its life; also when it would outlive the life that is asked for now, or was made in the future. */
  #isDue(newest: IssuedToken | undefined, now: number): boolean {
    if (newest === undefined || newest.expiresAt > newest.issuedAt + this.#ttl || newest.issuedAt > now) return true;
    return now >= newest.issuedAt + this.#ttl / 2;
  }
}

/** The one before keeps its token, for it may still be handed out for a moment; older ones are only recognised. */
function remembered(issued: IssuedToken, index: number): IssuedToken {
  if (index === 0) return issued;
  const { token: _forgotten, ...rest } = issued;
  return rest;
}

export function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function readHolders(path: string): Record<string, readonly IssuedToken[]> {
  try {
    return fileSchema.parse(JSON.parse(readFileIfThere(path) ?? '{}')).holders;
  } catch {
    return {}; // new tokens are made; whoever holds an old one reads the ready file again
  }
}
