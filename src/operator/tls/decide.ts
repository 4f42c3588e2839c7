import type { CertificateFacts } from './certificates.ts';

/** How long things live and wait, in milliseconds. Tests of the whole product shorten them. */
export interface TlsTimes {
  readonly authorityLifeMs: number;
  readonly leafLifeMs: number;
  /** A new authority signs nothing before every reader of the bundle has surely seen it. */
  readonly announceMs: number;
}

const DAY_MS = 86_400_000;

export const TLS_TIMES: TlsTimes = {
  authorityLifeMs: 3 * 365 * DAY_MS,
  leafLifeMs: 90 * DAY_MS,
  // The kubelet refreshes ConfigMap volumes within about two minutes; hosts outside fetch their bundle by hand.
  announceMs: 7 * DAY_MS,
};

/** What is left of a life when the successor is made: a third, so that weeks remain for a human when renewing fails. */
const RENEWED_WITH_LEFT = 1 / 3;

export interface ObservedLeaf extends CertificateFacts {
  /** Serial of the authority that signed it; undefined when none of ours did. */
  readonly signedBy: string | undefined;
}

export interface ObservedTls {
  /** Those that can be used, in any order. */
  readonly authorities: readonly CertificateFacts[];
  /** By the name of the part they are for; undefined when there is none that can be used. */
  readonly leaves: Readonly<Record<string, ObservedLeaf | undefined>>;
  /** Which host names each part is reached by. */
  readonly hosts: Readonly<Record<string, readonly string[]>>;
}

type LeafReason = 'Missing' | 'HostsChanged' | 'AuthorityChanged' | 'Renewed';

export interface TlsActions {
  /** Make one more authority. When `signer` is undefined it is the first one and signs at once. */
  readonly addAuthority: boolean;
  /** Expired: out of the bundle and the Secret. Serials. */
  readonly dropAuthorities: readonly string[];
  /** Serial of the authority that signs now; undefined when the one that is to be made does. */
  readonly signer: string | undefined;
  readonly issue: readonly { readonly part: string; readonly reason: LeafReason }[];
  /** When to look again, if nothing else happens. */
  readonly nextTime: number;
}

/**
 * What has to be made now. Authorities overlap: a new one is announced in the bundle for `announceMs` before it signs, and the old one stays
 * in the bundle until it expires, so that no connection fails while either changes.
 */
export function decideTls({ authorities, leaves, hosts }: ObservedTls, times: TlsTimes, now: number): TlsActions {
  const usable = authorities.filter(({ expiresAt }) => expiresAt > now).toSorted((a, b) => a.issuedAt - b.issuedAt);
  const dropAuthorities = authorities.filter(({ expiresAt }) => expiresAt <= now).map(({ serial }) => serial);
  const announced = usable.filter(({ issuedAt }) => issuedAt + times.announceMs <= now);
  // The newest that everybody knows; before anybody knows any, the oldest, which has been signing since it was alone.
  const signer = announced.at(-1) ?? usable[0];
  const newest = usable.at(-1);
  const addAuthority = newest === undefined || renewalTime(newest) <= now;
  const issue = Object.entries(hosts).flatMap(([part, names]) => {
    const reason = leafReason(leaves[part], names, signer, now);
    return reason === undefined ? [] : [{ part, reason }];
  });
  return {
    addAuthority,
    dropAuthorities,
    signer: signer?.serial,
    issue,
    nextTime: nextTime(usable, leaves, times, now),
  };
}

function leafReason(
  leaf: ObservedLeaf | undefined,
  hosts: readonly string[],
  signer: CertificateFacts | undefined,
  now: number,
): LeafReason | undefined {
  if (leaf === undefined) return 'Missing';
  if (leaf.hosts.toSorted().join() !== hosts.toSorted().join()) return 'HostsChanged';
  if (signer === undefined || leaf.signedBy !== signer.serial) return 'AuthorityChanged';
  // A leaf that its authority cut short is not made anew for ever: the authority's successor is on its way.
  if (renewalTime(leaf) <= now && leaf.expiresAt < signer.expiresAt) return 'Renewed';
  return undefined;
}

function renewalTime({ issuedAt, expiresAt }: CertificateFacts): number {
  return expiresAt - (expiresAt - issuedAt) * RENEWED_WITH_LEFT;
}

function nextTime(
  authorities: readonly CertificateFacts[],
  leaves: ObservedTls['leaves'],
  { announceMs }: TlsTimes,
  now: number,
): number {
  const moments = [
    ...authorities.flatMap((each) => [renewalTime(each), each.issuedAt + announceMs, each.expiresAt]),
    ...Object.values(leaves).flatMap((leaf) => (leaf === undefined ? [] : [renewalTime(leaf)])),
  ];
  return Math.min(...moments.filter((time) => time > now));
}
