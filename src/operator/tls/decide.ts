import type { CertificateFacts } from './certificates.ts';
import type { TlsTimes } from './times.ts';

/** What is left of a life when the successor is made: a third, so that weeks remain for a human when renewing fails. */
const RENEWED_WITH_LEFT = 1 / 3;

interface ObservedAuthority extends CertificateFacts {
  /** Since when it is in the bundle that clients get; undefined when it is not. */
  readonly announcedAt: number | undefined;
}

export interface ObservedLeaf extends CertificateFacts {
  /** Serial of the authority that signed it; undefined when none of ours did. */
  readonly signedBy: string | undefined;
}

export interface ObservedTls {
  /** Those that can be used, in any order. */
  readonly authorities: readonly ObservedAuthority[];
  /** By the name of the part they are for; undefined when there is none that can be used. */
  readonly leaves: Readonly<Record<string, ObservedLeaf | undefined>>;
  /** Which host names each part is reached by. */
  readonly hosts: Readonly<Record<string, readonly string[]>>;
}

type LeafReason = 'Missing' | 'HostsChanged' | 'AuthorityChanged' | 'Renewed';

export interface TlsActions {
  /** Make one more authority. When `signer` is undefined it is the first one and signs at once. */
  readonly addAuthority: boolean;
  /** Expired, or replaced long ago: out of the bundle and the Secret. Serials. */
  readonly dropAuthorities: readonly string[];
  /** Serial of the authority that signs now; undefined when the one that is to be made does. */
  readonly signer: string | undefined;
  readonly issue: readonly { readonly part: string; readonly reason: LeafReason }[];
  /** When to look again, if nothing else happens. */
  readonly nextTime: number;
}

/**
 * What has to be made now. Authorities overlap, so that no connection fails while they change: a new one stands in the bundle for `announceMs`
 * before it signs, and the one before it stays for as long after its last leaf was replaced.
 */
export function decideTls({ authorities, leaves, hosts }: ObservedTls, times: TlsTimes, now: number): TlsActions {
  const usable = authorities.filter(({ expiresAt }) => expiresAt > now).toSorted((a, b) => a.issuedAt - b.issuedAt);
  const signing = new Set(Object.values(leaves).map((leaf) => leaf?.signedBy));
  const known = usable.filter((each) => takesOverAt(each, times) <= now || signing.has(each.serial));
  // The newest that everybody knows; before anybody knows any, the oldest, which has been signing since it was alone.
  const signer = known.at(-1) ?? usable[0];
  const newest = usable.at(-1);
  const addAuthority = newest === undefined || renewalTime(newest) <= now;
  const dropAuthorities = authorities
    .filter((each) => each.expiresAt <= now || isReplaced(each, { signer, signing, times, now }))
    .map(({ serial }) => serial);
  const issue = Object.entries(hosts).flatMap(([part, names]) => {
    const reason = leafReason(leaves[part], names, signer, now);
    return reason === undefined ? [] : [{ part, reason }];
  });
  return {
    addAuthority,
    dropAuthorities,
    signer: signer?.serial,
    issue,
    nextTime: Math.min(
      nextTime(usable, leaves, times, now),
      addAuthority ? now + times.announceMs : Number.POSITIVE_INFINITY,
    ),
  };
}

/** From then on everybody who reads the bundle has surely seen it. */
function takesOverAt({ announcedAt = Number.POSITIVE_INFINITY }: ObservedAuthority, { announceMs }: TlsTimes): number {
  return announcedAt + announceMs;
}

/** From then on nobody serves a leaf of its predecessor: replicas had as long to load the new one as clients to learn of its authority. */
function aloneAt(signer: ObservedAuthority, times: TlsTimes): number {
  return takesOverAt(signer, times) + times.announceMs;
}

interface Succession {
  readonly signer: ObservedAuthority | undefined;
  /** Serials of those that a leaf has which is served. */
  readonly signing: ReadonlySet<string | undefined>;
  readonly times: TlsTimes;
  readonly now: number;
}

function isReplaced({ serial, issuedAt }: ObservedAuthority, { signer, signing, times, now }: Succession): boolean {
  if (signer === undefined || issuedAt >= signer.issuedAt || signing.has(serial)) return false;
  return aloneAt(signer, times) <= now;
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
  authorities: readonly ObservedAuthority[],
  leaves: ObservedTls['leaves'],
  times: TlsTimes,
  now: number,
): number {
  const moments = [
    ...authorities.flatMap((each) => [
      renewalTime(each),
      takesOverAt(each, times),
      aloneAt(each, times),
      each.expiresAt,
    ]),
    ...Object.values(leaves).flatMap((leaf) => (leaf === undefined ? [] : [renewalTime(leaf)])),
  ];
  return Math.min(...moments.filter((time) => time > now));
}
