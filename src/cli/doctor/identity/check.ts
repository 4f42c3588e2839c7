import { AUDIENCES } from '../../../api/index.ts';
import { type Finding, found } from '../finding.ts';
import { spanOf } from '../span.ts';
import type { ServiceAccountName, TokenFacts } from './claims.ts';

/** Less than this is over before a person has read the report. */
const ENDS_SOON_MS = 60_000;

/** The token that would be shown to the registry, or why there is none. */
export type Credential =
  | { readonly kind: 'token'; readonly facts: TokenFacts }
  | { readonly kind: 'none'; readonly problem: string };

/** Who we are to the registry, and whether it can take the token at all. */
export function identityFinding(credential: Credential, now: number): Finding {
  if (credential.kind === 'none') {
    return found(
      'identity',
      'token_unavailable',
      `there is no token to show: ${credential.problem}`,
      'Name one with --token-file FILE, or a ServiceAccount with --service-account NAME.',
    );
  }
  const { facts } = credential;
  if (facts.kind === 'opaque') {
    return found('identity', 'token_opaque', 'the token is no JWT: only the registry knows whose it is');
  }
  const { subject, serviceAccount, audiences, expiresAt } = facts;
  if (expiresAt !== undefined && expiresAt <= now) {
    const says = `the token of ${subject ?? 'nobody by name'} expired ${spanOf(now - expiresAt)} ago`;
    return found(
      'identity',
      'token_expired',
      says,
      'Put a new one into the token file; --service-account NAME asks for one each time.',
    );
  }
  if (serviceAccount === undefined) return notAServiceAccount(subject);
  const who = serviceAccountText(serviceAccount);
  if (!audiences.includes(AUDIENCES.connect)) return otherAudience(who, serviceAccount, audiences);
  if (audiences.length > 1) {
    return found(
      'identity',
      'several_audiences',
      `the token of ${who} is good for ${audiences.join(', ')}: what one of them shows, another could use here`,
      tokenCommand(serviceAccount),
    );
  }
  return fits(who, expiresAt, now);
}

export function serviceAccountText({ namespace, name }: ServiceAccountName): string {
  return `ServiceAccount ${namespace}/${name}`;
}

/**
 * Whether the token may be shown to a registry: one that is meant for somebody else, such as the API server, is a credential that a registry
 * must not get to see.
 */
export function mayBeShown(credential: Credential): boolean {
  if (credential.kind === 'none') return false;
  const { facts } = credential;
  return facts.kind === 'opaque' || facts.audiences.every((audience) => audience === AUDIENCES.connect);
}

function notAServiceAccount(subject: string | undefined): Finding {
  return found(
    'identity',
    'not_a_service_account',
    `the token is that of ${subject ?? 'nobody by name'}, and registries know only ServiceAccounts`,
    'Use --service-account NAME: the only right that it needs is create on that serviceaccounts/token.',
  );
}

function otherAudience(who: string, account: ServiceAccountName, audiences: readonly string[]): Finding {
  const meant = audiences.length === 0 ? 'no audience' : audiences.join(', ');
  return found(
    'identity',
    'other_audience',
    `the token of ${who} is meant for ${meant}; this call takes only ${AUDIENCES.connect}`,
    tokenCommand(account),
    `In a Pod: a projected volume with serviceAccountToken.audience: ${AUDIENCES.connect}`,
  );
}

function tokenCommand({ namespace, name }: ServiceAccountName): string {
  return `kubectl create token ${name} -n ${namespace} --audience ${AUDIENCES.connect}`;
}

function fits(who: string, expiresAt: number | undefined, now: number): Finding {
  const says = `you are ${who}, with a token for ${AUDIENCES.connect}`;
  if (expiresAt === undefined) return found('identity', 'token_fits', says);
  const left = `${says} that ends in ${spanOf(expiresAt - now)}`;
  if (expiresAt - now > ENDS_SOON_MS) return found('identity', 'token_fits', left);
  return found('identity', 'token_ends_soon', left, 'Put a new one into the token file.');
}
