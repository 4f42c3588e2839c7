import { Refusal } from './refusal.ts';

/** What verifies tokens: who signed them, and with which keys (RFC 7517). */
export interface TokenIssuer {
  readonly issuer: string;
  readonly jwks: object;
}

interface Document {
  readonly contentType: string;
  readonly body: unknown;
}

const JWKS_PATH = '/openid/v1/jwks';

/** What the issuer publishes at this path; undefined: nothing. Each document has one media type: who does not take it gets `NotAcceptable`. */
export function issuerDocument({ issuer, jwks }: TokenIssuer, path: string, accept = '*/*'): Document | undefined {
  const document = documentAt(path);
  if (document === undefined || takes(accept, document.contentType)) return document;
  const message = `only the following media types are accepted: ${document.contentType}`;
  throw new Refusal(406, 'NotAcceptable', message);

  function documentAt(where: string): Document | undefined {
    switch (where) {
      case '/.well-known/openid-configuration':
        return { contentType: 'application/json', body: { issuer, jwks_uri: `https://memory${JWKS_PATH}` } };
      case JWKS_PATH:
        return { contentType: 'application/jwk-set+json', body: jwks };
      default:
        return undefined;
    }
  }
}

/** `Accept` of RFC 9110 §12.5.1, without weights: there is no choice to make. */
function takes(accept: string, contentType: string): boolean {
  const [family] = contentType.split('/');
  const ranges = accept.split(',').map((range) => range.split(';')[0]?.trim());
  return ranges.some((range) => range === contentType || range === '*/*' || range === `${family}/*`);
}
