import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** A ServiceAccount token of the real API server, taken apart. */
interface RealToken {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signedPart: string;
  readonly signature: string;
}

const json = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function taken(token: string): RealToken {
  const [header = '', claims = '', signature = ''] = token.split('.');
  return { header: json(header), claims: json(claims), signedPart: `${header}.${claims}`, signature };
}

/** The kinds of tokens that nobody issued; each differs from a good one in one thing. */
export const FORGERIES = [
  'random text',
  'parts that are no JSON',
  'unsigned',
  'signed by a stranger’s key of the right name',
  'signed by a stranger’s key of another name',
  'expired, signed by a stranger',
  'right claims, random signature',
  'other claims, right signature',
  'a secret as the key',
  'good for an hour more',
] as const;

/**
 * `count` tokens, of each kind alike, made after a real one: right issuer, audience, names and times, and no signature of the API server.
 *
 * @param real a good token for the registry
 */
export function forgedTokens(real: string, count: number): string[] {
  const { header, claims, signedPart, signature } = taken(real);
  const elliptic = header.alg === 'ES256';
  const stranger = elliptic
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    : generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const nonce = () => randomBytes(9).toString('base64url');
  const signed = (head: object, body: object): string => {
    const part = `${base64url(head)}.${base64url(body)}`;
    return `${part}.${sign('sha256', Buffer.from(part), { key: stranger, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
  const past = { iat: 1_600_000_000, nbf: 1_600_000_000, exp: 1_600_003_600 };
  const makers: Readonly<Record<(typeof FORGERIES)[number], () => string>> = {
    'random text': () => randomBytes(120).toString('base64url'),
    'parts that are no JSON': () => [24, 200, 256].map((bytes) => randomBytes(bytes).toString('base64url')).join('.'),
    unsigned: () => `${base64url({ ...header, alg: 'none' })}.${base64url({ ...claims, jti: nonce() })}.`,
    'signed by a stranger’s key of the right name': () => signed(header, { ...claims, jti: nonce() }),
    'signed by a stranger’s key of another name': () =>
      signed({ ...header, kid: nonce() }, { ...claims, jti: nonce() }),
    'expired, signed by a stranger': () => signed(header, { ...claims, ...past, jti: nonce() }),
    'right claims, random signature': () =>
      `${signedPart}.${randomBytes(Buffer.from(signature, 'base64url').length).toString('base64url')}`,
    'other claims, right signature': () =>
      `${base64url(header)}.${base64url({ ...claims, jti: nonce() })}.${signature}`,
    'a secret as the key': () => {
      const part = `${base64url({ ...header, alg: 'HS256' })}.${base64url({ ...claims, jti: nonce() })}`;
      return `${part}.${createHmac('sha256', 'noisefleet-connect').update(part).digest('base64url')}`;
    },
    'good for an hour more': () =>
      `${base64url(header)}.${base64url({ ...claims, exp: Number(claims.exp) + 3600, jti: nonce() })}.${signature}`,
  };
  const kinds = Object.values(makers);
  return Array.from({ length: count }, (_, index) => kinds[index % kinds.length]?.() ?? '');
}
