import type { StoredRelay } from '../../api/index.ts';
import { type Secret, secondTime, secrets } from '../../kube/index.ts';
import { applyChild, type ChildKind, currentChild } from '../children/apply-child.ts';
import { childMetadata, type Owner } from '../children/child.ts';
import { createOrUpdate } from '../children/generated-secret.ts';
import { relayNames, serviceHosts } from '../relay/names.ts';
import type { World } from '../world.ts';
import { announce, announcedTimes } from './bundle.ts';
import { generateAuthority, type Identity, isSignedBy, issueLeaf, readIdentity } from './certificates.ts';
import { decideTls, type ObservedLeaf, type ObservedTls } from './decide.ts';
import type { TlsTimes } from './times.ts';

export interface CertificateStatus {
  readonly name: string;
  readonly fingerprint: string;
  readonly expirationTime: string;
}

export interface TlsResult {
  /** What clients trust, PEM. */
  readonly bundle: string;
  readonly certificates: readonly CertificateStatus[];
  /** Look again then, in milliseconds. */
  readonly nextTime: number;
}

interface Authority extends Identity {
  readonly serial: string;
}

/** The Secret holds `<serial>.crt` and `<serial>.key` of each authority. */
const AUTHORITY_FILE = /^([0-9a-f]{2,64})\.crt$/;

/**
 * Brings the generated certificates of a Relay up to date: authorities, the bundle that has them, then the two leaves, in this order, so that
 * nothing is served that the bundle does not vouch for. Never replaces an authority that still signs.
 */
export async function reconcileTls(
  world: World,
  relay: StoredRelay,
  owner: Owner,
  times: TlsTimes,
  signal: AbortSignal,
): Promise<TlsResult> {
  const kind: ChildKind<Secret> = { resource: secrets, store: world.stores.secrets };
  const names = relayNames(owner);
  const now = world.clock.now();
  const current = (name: string) => currentChild(world, kind, { namespace: owner.namespace, name }, owner, signal);
  const authoritySecret = await current(names.authority);
  const authorities = authoritiesIn(authoritySecret);
  const secretOf = { registry: names.registryTls, relay: names.relayTls } as const;
  const leaves = {
    registry: identityIn(await current(secretOf.registry)),
    relay: identityIn(await current(secretOf.relay)),
  };
  const since = await announcedTimes(world, owner, authorities, signal);
  const observed: ObservedTls = {
    authorities: authorities.flatMap((each) => {
      const facts = readIdentity(each);
      return facts === undefined ? [] : [{ ...facts, announcedAt: since.get(facts.serial) }];
    }),
    leaves: { registry: observeLeaf(leaves.registry, authorities), relay: observeLeaf(leaves.relay, authorities) },
    hosts: hostsOf(relay, owner),
  };
  const actions = decideTls(observed, times, now);

  const kept = authorities.filter(({ serial }) => !actions.dropAuthorities.includes(serial));
  if (actions.addAuthority) kept.push(await newAuthority(owner, now, times.authorityLifeMs));
  // The order in which the API server gives them back: the bundle is the same text next time.
  kept.sort((a, b) => (a.serial < b.serial ? -1 : 1));
  if (actions.addAuthority || actions.dropAuthorities.length > 0) {
    const metadata = childMetadata(owner, 'registry', names.authority);
    await createOrUpdate(world.api, metadata, authorityData(kept), authoritySecret, signal);
    const authorities = kept.map(({ serial }) => serial);
    world.log.info({ relay: `${owner.namespace}/${owner.name}`, authorities }, 'changed certificate authorities');
  }
  const signer = kept.find(({ serial }) => serial === actions.signer) ?? kept[0];
  const bundle = await announce(world, owner, { authorities: kept, since, now }, signal);
  for (const { part, reason } of actions.issue) {
    if (signer === undefined || (part !== 'registry' && part !== 'relay')) continue;
    const leaf = await issueLeaf(signer, { hosts: observed.hosts[part] ?? [], now, lifeMs: times.leafLifeMs });
    await applyChild(world, kind, leafSecret(owner, part, secretOf[part], leaf), owner, signal);
    world.log.info({ relay: `${owner.namespace}/${owner.name}`, part, reason }, 'issued a certificate');
    leaves[part] = leaf;
  }
  return {
    bundle,
    certificates: (['registry', 'relay'] as const).flatMap((part) => certificateStatus(secretOf[part], leaves[part])),
    nextTime: actions.nextTime,
  };
}

/** Every name under which each part is reached. */
function hostsOf({ spec }: Pick<StoredRelay, 'spec'>, owner: Owner): Record<'registry' | 'relay', string[]> {
  const names = relayNames(owner);
  const { external } = spec;
  return {
    registry: [
      ...serviceHosts(names.registry, owner.namespace),
      ...serviceHosts(names.registryPeers, owner.namespace),
      ...(external === undefined ? [] : [external.registryHostname]),
    ],
    relay: [...serviceHosts(names.relay, owner.namespace), ...(external === undefined ? [] : [external.relayHostname])],
  };
}

async function newAuthority({ namespace, name }: Owner, now: number, lifeMs: number): Promise<Authority> {
  const identity = await generateAuthority({ name: `noisefleet ${namespace}/${name}`, now, lifeMs });
  const facts = readIdentity(identity);
  if (facts === undefined) throw new Error('a certificate authority that was just made cannot be read'); // a bug of ours
  return { ...identity, serial: facts.serial };
}

function authoritiesIn(secret: Secret | undefined): Authority[] {
  const data = secret?.data ?? {};
  return Object.keys(data).flatMap((file) => {
    const serial = AUTHORITY_FILE.exec(file)?.[1];
    if (serial === undefined) return [];
    const identity = { certificate: decode(data[file]), privateKey: decode(data[`${serial}.key`]) };
    return readIdentity(identity)?.serial === serial ? [{ ...identity, serial }] : [];
  });
}

function authorityData(authorities: readonly Authority[]): Record<string, string> {
  return Object.fromEntries(
    authorities.flatMap(({ serial, certificate, privateKey }) => [
      [`${serial}.crt`, certificate],
      [`${serial}.key`, privateKey],
    ]),
  );
}

function identityIn(secret: Secret | undefined): Identity | undefined {
  if (secret === undefined) return undefined;
  return { certificate: decode(secret.data?.['tls.crt']), privateKey: decode(secret.data?.['tls.key']) };
}

function observeLeaf(leaf: Identity | undefined, authorities: readonly Authority[]): ObservedLeaf | undefined {
  const facts = leaf && readIdentity(leaf);
  if (leaf === undefined || facts === undefined) return undefined;
  return { ...facts, signedBy: authorities.find((each) => isSignedBy(leaf.certificate, each.certificate))?.serial };
}

function leafSecret(owner: Owner, part: 'registry' | 'relay', name: string, leaf: Identity) {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: childMetadata(owner, part, name),
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': encode(leaf.certificate), 'tls.key': encode(leaf.privateKey) },
  };
}

function certificateStatus(name: string, leaf: Identity | undefined): CertificateStatus[] {
  const facts = leaf && readIdentity(leaf);
  if (leaf === undefined || facts === undefined) return [];
  return [{ name, fingerprint: facts.fingerprint, expirationTime: secondTime(facts.expiresAt) }];
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

function decode(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString();
}
