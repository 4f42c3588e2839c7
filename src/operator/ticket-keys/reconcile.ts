import type { RelayStatus } from '../../api/index.ts';
import { secondTime, secrets } from '../../kube/index.ts';
import { decodeTicketKeys, encodeTicketKeys, generateTicketKey, type TicketKey } from '../../wire/index.ts';
import { currentChild } from '../children/apply-child.ts';
import { childMetadata, type Owner } from '../children/child.ts';
import { createOrUpdate } from '../children/generated-secret.ts';
import { relayNames } from '../relay/names.ts';
import type { World } from '../world.ts';
import { decideTicketKeys, type TicketKeyTimes } from './decide.ts';

/** The one file of the Secret; registries follow it. */
const TICKET_KEYS_FILE = 'ticket-keys.json';

export interface TicketKeysResult {
  readonly status: RelayStatus['ticketKeys'];
  /** Look again then, in milliseconds. */
  readonly nextTime: number;
}

/** The Secret of ticket keys holds something else. It is left alone: tickets that it signed may be in use. */
export class TicketKeysUnreadable extends Error {
  override readonly name = 'TicketKeysUnreadable';
  readonly code = 'ticket_keys_unreadable';
  readonly step = 'read ticket keys';
}

/** Makes the Secret with the keys that sign tickets, and changes keys with overlap. Throws `TicketKeysUnreadable`, `ApiError`. */
export async function reconcileTicketKeys(
  world: World,
  owner: Owner,
  times: TicketKeyTimes,
  signal: AbortSignal,
): Promise<TicketKeysResult> {
  const name = relayNames(owner).ticketKeys;
  const kind = { resource: secrets, store: world.stores.secrets };
  const secret = await currentChild(world, kind, { namespace: owner.namespace, name }, owner, signal);
  const text = secret?.data?.[TICKET_KEYS_FILE];
  const keys = text === undefined ? [] : readKeys(text, `${owner.namespace}/${name}`);
  const now = Math.floor(world.clock.now() / 1000);
  const { add, retire, drop, nextTime } = decideTicketKeys(keys, times, now);
  const kept = keys
    .filter(({ kid }) => !drop.includes(kid))
    .map((key) => (key.kid === retire?.kid ? { ...key, retireAt: retire.at } : key));
  if (add) kept.push(generateTicketKey(add.notBefore));
  if (add || drop.length > 0) {
    const metadata = childMetadata(owner, 'registry', name);
    await createOrUpdate(world.api, metadata, { [TICKET_KEYS_FILE]: encodeTicketKeys(kept) }, secret, signal);
    world.log.info(
      { relay: `${owner.namespace}/${owner.name}`, keys: kept.map(({ kid }) => kid) },
      'changed ticket keys',
    );
  }
  return { status: kept.map((key) => statusOf(key, times, now)), nextTime: nextTime * 1000 };
}

function readKeys(base64: string, where: string): TicketKey[] {
  try {
    return decodeTicketKeys(Buffer.from(base64, 'base64').toString());
  } catch {
    // Without the cause: it could quote what it could not read.
    throw new TicketKeysUnreadable(
      `Secret ${where} holds no ticket keys of ours in ${TICKET_KEYS_FILE}. Restore it, or delete it: then clients connect anew`,
    );
  }
}

function statusOf(
  { kid, notBefore, retireAt }: TicketKey,
  times: TicketKeyTimes,
  now: number,
): RelayStatus['ticketKeys'][number] {
  const time = (seconds: number) => secondTime(seconds * 1000);
  const state = notBefore > now ? 'Prepared' : retireAt !== undefined && retireAt <= now ? 'Retiring' : 'Active';
  return {
    id: kid,
    state,
    creationTime: time(notBefore - times.announceSeconds),
    activationTime: time(notBefore),
    ...(retireAt !== undefined && { retirementTime: time(retireAt + times.acceptedSeconds) }),
  };
}
