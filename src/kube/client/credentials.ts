import { createHash } from 'node:crypto';
import type { Clock } from '../../telemetry/index.ts';

/** How to reach the server and as whom. Buffers and strings as `node:tls` takes them. */
interface TlsMaterial {
  readonly ca?: string | Buffer | undefined;
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  readonly servername?: string | undefined;
  readonly rejectUnauthorized?: boolean | undefined;
}

export interface Credentials {
  /** `authorization` and impersonation headers, lower-case names. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly tls: TlsMaterial;
  readonly proxy?: string | undefined;
}

/** Reads credentials anew: files again, an expired plugin credential again. */
export type CredentialSource = (options: { readonly afterRefusal: boolean }) => Promise<Credentials>;

/**
 * How long credentials are used before their files are read again. The kubelet replaces a projected token at 80 % of its life, and the old one is
 * good until its end: a minute is soon enough, and reading at every request would cost a file read each (client-go: `token_source.go`).
 */
const CREDENTIALS_LIFE_MS = 60_000;

/** Credentials for a minute, one reading at a time. */
export class CachedCredentials {
  readonly #source: CredentialSource;
  readonly #clock: Clock;
  #reading: Promise<Credentials> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(source: CredentialSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  current(): Promise<Credentials> {
    const reading = this.#reading;
    if (reading !== undefined && this.#clock.now() - this.#readAt < CREDENTIALS_LIFE_MS) return reading;
    return this.#read(false);
  }

  /** After a 401: what was used is read again, unless that happened since. */
  async renew(refused: Credentials): Promise<Credentials> {
    const current = await this.current();
    return current === refused ? this.#read(true) : current;
  }

  #read(afterRefusal: boolean): Promise<Credentials> {
    const reading = this.#source({ afterRefusal });
    this.#reading = reading;
    this.#readAt = this.#clock.now();
    reading.catch(() => {
      if (this.#reading === reading) this.#reading = undefined;
    });
    return reading;
  }
}

/** Tells one set of TLS material from another without keeping it: sockets made with the one may not serve the other. */
export function tlsIdentity({ tls, proxy }: Credentials): string {
  const hash = createHash('sha256');
  for (const part of [tls.ca, tls.cert, tls.key, tls.servername, String(tls.rejectUnauthorized), proxy]) {
    hash.update(`${part === undefined ? -1 : Buffer.byteLength(part)}:`);
    if (part !== undefined) hash.update(part);
  }
  return hash.digest('base64');
}
