import { createHash, timingSafeEqual } from 'node:crypto';

/** Asks whether an `Authorization` header carries the token whose SHA-256 we were given. The token itself is nowhere on this side. */
export class TokenCheck {
  readonly #digest: Buffer;

  /** @throws RangeError when `sha256Hex` is no SHA-256 in hexadecimal digits */
  constructor(sha256Hex: string) {
    if (!/^[0-9a-f]{64}$/i.test(sha256Hex)) throw new RangeError('the token digest must be 64 hexadecimal digits');
    this.#digest = Buffer.from(sha256Hex, 'hex');
  }

  accepts(authorization: string | undefined): boolean {
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return false;
    return timingSafeEqual(createHash('sha256').update(token).digest(), this.#digest);
  }
}
