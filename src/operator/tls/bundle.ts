import { z } from 'zod';
import { ANNOTATIONS } from '../../api/index.ts';
import { type ConfigMap, configMaps, parseTime, secondTime } from '../../kube/index.ts';
import { applyChild, type ChildKind, currentChild } from '../children/apply-child.ts';
import { childMetadata, type Owner } from '../children/child.ts';
import { relayNames } from '../relay/names.ts';
import type { World } from '../world.ts';

/** The one file of the ConfigMap; relays follow it. */
const BUNDLE_FILE = 'ca.crt';

/** An authority as clients get it. */
interface Announced {
  readonly serial: string;
  /** PEM */
  readonly certificate: string;
}

const times = z.record(z.string(), z.string());

/**
 * Since when each authority is in the bundle, in milliseconds since the epoch. The time stands on the very ConfigMap that has the certificate:
 * an operator that was away between making an authority and announcing it has announced nothing.
 */
export async function announcedTimes(
  world: World,
  owner: Owner,
  authorities: readonly Announced[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const bundle = await currentChild(world, kindIn(world), refOf(owner), owner, signal);
  const text = bundle?.data?.[BUNDLE_FILE] ?? '';
  const recorded = readTimes(bundle?.metadata.annotations?.[ANNOTATIONS.authoritiesAnnounced]);
  return new Map(
    authorities.flatMap(({ serial, certificate }) => {
      const time = parseTime(recorded[serial]);
      return time !== undefined && text.includes(certificate) ? [[serial, time]] : [];
    }),
  );
}

/** Brings the bundle up to date that relays trust; what is new in it is announced from `now` on. */
export async function announce(
  world: World,
  owner: Owner,
  { authorities, since, now }: { authorities: readonly Announced[]; since: ReadonlyMap<string, number>; now: number },
  signal: AbortSignal,
): Promise<string> {
  const text = authorities.map(({ certificate }) => certificate).join('');
  const recorded = authorities.map(({ serial }) => [serial, secondTime(since.get(serial) ?? now)] as const);
  const annotations = { [ANNOTATIONS.authoritiesAnnounced]: JSON.stringify(Object.fromEntries(recorded)) };
  await applyBundle(world, owner, { text, annotations }, signal);
  return text;
}

/** The bundle of certificates that a user brought, or an empty one where they are publicly trusted. */
export async function applyBundle(
  world: World,
  owner: Owner,
  { text, annotations }: { text: string; annotations?: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<void> {
  const metadata = childMetadata(owner, 'relay', relayNames(owner).bundle);
  const bundle = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { ...metadata, ...(annotations && { annotations }) },
    data: { [BUNDLE_FILE]: text },
  };
  await applyChild(world, kindIn(world), bundle, owner, signal);
}

function kindIn({ stores }: World): ChildKind<ConfigMap> {
  return { resource: configMaps, store: stores.configMaps };
}

function refOf(owner: Owner): { namespace: string; name: string } {
  return { namespace: owner.namespace, name: relayNames(owner).bundle };
}

function readTimes(text: string | undefined): Readonly<Record<string, string>> {
  try {
    return times.parse(JSON.parse(text ?? '{}'));
  } catch {
    // Not what we wrote: announced again from now on.
    return {};
  }
}
