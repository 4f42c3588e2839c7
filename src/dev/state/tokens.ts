import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { readFileIfThere, writeFileIfChanged } from './atomic-file.ts';

/** 256 bits: not to be guessed, and its bare SHA-256 is therefore safe to keep. */
const TOKEN_BYTES = 32;
/** Lets scanners of secrets know one when they see it. */
const TOKEN_PREFIX = 'nfdev_';
/** Expired tokens that are remembered per holder, so that the registry can say "expired" and not "unknown". */
const MAX_REMEMBERED = 100;

const issuedSchema = z.object({ sha256: z.string(), expiresAt: z.number() });
const holderSchema = z.object({
  token: z.string(),
  issuedAt: z.number(),
  /** Newest first; the first is `token`'s. Instants are milliseconds since the epoch. */
  issued: z.array(issuedSchema).min(1),
});
const fileSchema = z.object({ version: z.literal(1), holders: z.record(z.string(), holderSchema) });
type HolderTokens = z.infer<typeof holderSchema>;

export type IssuedToken = z.infer<typeof issuedSchema>;

export interface TokenBookOptions {
  readonly path: string;
  /** Milliseconds that a token is good for. A new one is made at half of that, so two are valid while it spreads. */
  readonly ttl: number;
}

/** Bearer tokens by holder, renewed ahead of their end and kept over restarts. */
export class TokenBook {
  readonly #path: string;
  readonly #ttl: number;
  readonly #holders: Map<string, HolderTokens>;

  constructor({ path, ttl }: TokenBookOptions) {
    this.#path = path;
    this.#ttl = ttl;
    this.#holders = new Map(Object.entries(readHolders(path)));
  }

  /** The newest token of `holder`, made or renewed now if it is time. */
  tokenOf(holder: string, now: number): string {
    const known = this.#holders.get(holder);
    if (known !== undefined && !this.#isDue(known, now)) return known.token;
    const token = TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
    const issued = { sha256: sha256Hex(token), expiresAt: now + this.#ttl };
    this.#holders.set(holder, {
      token,
      issuedAt: now,
      issued: [issued, ...(known?.issued ?? [])].slice(0, MAX_REMEMBERED),
    });
    return token;
  }

  /** Every remembered token of `holder` by hash, newest first, expired ones included. */
  issuedTo(holder: string): readonly IssuedToken[] {
    return this.#holders.get(holder)?.issued ?? [];
  }

  /** Keeps the book on disk; holders not named are forgotten. */
  save(holders: ReadonlySet<string>): void {
    for (const holder of this.#holders.keys()) if (!holders.has(holder)) this.#holders.delete(holder);
    const content = fileSchema.parse({ version: 1, holders: Object.fromEntries(this.#holders) });
    writeFileIfChanged(this.#path, JSON.stringify(content));
  }

  /** Due at half its life; also when it would outlive the life that is asked for now, or was made in the future. */
  #isDue({ issuedAt, issued: [newest] }: HolderTokens, now: number): boolean {
    const tooLong = newest === undefined || newest.expiresAt > issuedAt + this.#ttl;
    return tooLong || issuedAt > now || now >= issuedAt + this.#ttl / 2;
  }
}

export function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function readHolders(path: string): Record<string, HolderTokens> {
  try {
    return fileSchema.parse(JSON.parse(readFileIfThere(path) ?? '{}')).holders;
  } catch {
    return {}; // new tokens are made; whoever holds an old one reads the ready file again
  }
}
