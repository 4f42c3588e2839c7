import type { FormerKeyStatus, KeyStatus, StoredExecutor } from '../../api/index.ts';
import type { ObjectApi } from '../../kube/index.ts';
import type { Clock } from '../../telemetry/index.ts';
import { CliError } from '../client/cli-error.ts';
import { followExecutor, type ObjectName } from '../cluster/executor-object.ts';
import { printable } from '../output/printable.ts';

type Key = KeyStatus | FormerKeyStatus;

/** How far the revocation of one key is. */
export interface Revocation {
  readonly key: Key;
  /** Registries refuse it: that is from the moment of the record. */
  readonly recorded: boolean;
  /** Every sidecar has cut, or was fenced off, and nothing holds the key any more. */
  readonly complete: boolean;
}

/**
 * The key that is meant.
 *
 * @throws CliError `not_found`; `gone` for one that was destroyed, which no record can refuse any further
 */
export function keyToRevoke(executor: StoredExecutor, id: string): Key {
  const { metadata, status } = executor;
  const key = keyIn(executor, id);
  if (key === undefined) {
    const known = status.keys.map((each) => `${each.id} (${each.state})`).join(', ') || 'none';
    throw new CliError(`${metadata.namespace}/${metadata.name} has no key ${printable(id)}`, {
      code: 'not_found',
      hint: `There are: ${known}`,
    });
  }
  if (key.state === 'Retired' || key.state === 'Destroyed') {
    throw new CliError(`${id} is accepted nowhere since ${key.retirementTime ?? key.creationTime}: it was retired`, {
      code: 'gone',
      hint: `See:  noisefleet keys history ${metadata.name} -n ${metadata.namespace}`,
    });
  }
  return key;
}

/** Pure. Undefined: the key is not remembered any more. */
export function revocationOf(executor: StoredExecutor, id: string): Revocation | undefined {
  const key = keyIn(executor, id);
  if (key === undefined) return undefined;
  const recorded = key.state === 'Revoked';
  // A key that was never made has nowhere to be cut.
  const isCut = key.fingerprint === undefined || key.cut?.completionTime !== undefined;
  return { key, recorded, complete: recorded && isCut && key.destructionTime !== undefined };
}

export interface RevocationWait {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly until: (revocation: Revocation) => boolean;
  readonly tell: (revocation: Revocation) => void;
}

/** Follows a revocation until it is as far as asked, or the signal aborts; gives what was seen last. */
export async function followRevocation(
  api: ObjectApi,
  ref: ObjectName,
  id: string,
  { clock, signal, until, tell }: RevocationWait,
): Promise<Revocation | undefined> {
  const ended = new AbortController();
  let last: Revocation | undefined;
  const see = (executor: StoredExecutor | undefined) => {
    if (executor === undefined) return ended.abort();
    last = revocationOf(executor, id) ?? last;
    if (last === undefined) return;
    tell(last);
    if (until(last)) ended.abort();
  };
  await followExecutor(api, ref, { clock, signal: AbortSignal.any([signal, ended.signal]), see });
  return last;
}

/** `k3 is revoked · refused by 5/5 registries, relays and sidecars · gone from Secret, store and pod` */
export function revocationText({ key, recorded }: Revocation): string {
  if (!recorded) return `${key.id} is not revoked yet: the operator has not recorded it`;
  const { cut } = key;
  const missing = (cut?.missing ?? []).map(printable).join(', ');
  const others = (cut?.expected ?? 0) - (cut?.acknowledged ?? 0);
  const parts = [
    `${key.id} is revoked`,
    cut === undefined
      ? 'nothing is heard of who has cut'
      : `refused by ${cut.acknowledged}/${cut.expected} registries, relays and sidecars`,
    ...(others > 0 ? [`not heard from: ${missing || `${others}, of unknown names`}`] : []),
    key.destructionTime === undefined ? 'not gone from Secret, store and pod yet' : goneText(key),
  ];
  return parts.join(' · ');
}

function goneText({ heldBy = [] }: Key): string {
  if (heldBy.length === 0) return 'gone from Secret, store and pod';
  return `gone from Secret and store, but not said to be out of memory: ${heldBy.map(printable).join(', ')}`;
}

/** For machines. Fields may be added, none renamed. */
export function revocationDocument({ namespace, name }: ObjectName, { key, recorded, complete }: Revocation) {
  return { version: 1, namespace, name, recorded, complete, key };
}

function keyIn({ status }: StoredExecutor, id: string): Key | undefined {
  return [...status.keys, ...status.formerKeys].find((each) => each.id === id);
}
