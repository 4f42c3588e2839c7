import { parseTime } from '../../kube/index.ts';
import { mounted } from './drift.ts';
import type { ObservedKeys } from './observed.ts';
import type { KeysRecord } from './record.ts';

/**
 * When the pod is poked after the Secret was changed, in milliseconds (`design.md` §4): the kubelet serves Secrets from a watch cache, and a poke
 * that comes before the cache has the change mounts the old one again.
 */
const POKES_MS = [0, 1_000, 3_000, 8_000, 20_000] as const;

/** A pod that is younger than the change most likely started with it: it is poked once, in case that it did not. */
const YOUNG_POD_POKES_MS = [20_000] as const;

export interface PokePlan {
  /** The annotation's value that is due now; undefined when it is there already, or none is due. */
  readonly value?: string | undefined;
  /** When the next is due, in milliseconds. */
  readonly next?: number | undefined;
}

/** Pokes go on until the sidecar has what the Secret holds, no more and no less, or there is nothing more to try. */
export function planPokes(record: KeysRecord, observed: ObservedKeys, now: number): PokePlan {
  const { pod } = observed;
  const { delivery } = record;
  const changed = parseTime(delivery?.time);
  if (pod === undefined || delivery === undefined || changed === undefined || isInStep(record, observed)) return {};
  const isYoung = pod.startTime > changed;
  const from = isYoung ? pod.startTime : changed;
  const pokes = isYoung ? YOUNG_POD_POKES_MS : POKES_MS;
  const due = pokes.filter((after) => from + after <= now).at(-1);
  const coming = pokes.find((after) => from + after > now);
  const value = due === undefined ? undefined : `${delivery.keys.join(',')} ${delivery.time} +${due / 1000}s`;
  return {
    ...(value !== undefined && value !== pod.poked && { value }),
    ...(coming !== undefined && { next: from + coming }),
  };
}

/** Whether what is registered is what the Secret holds, and nothing else is in memory. Not known is no. */
function isInStep({ keys }: KeysRecord, observed: ObservedKeys): boolean {
  const place = mounted(observed);
  if (!observed.heard.known || !place.reachable) return false;
  const held = new Set(place.keys.map(({ fingerprint }) => fingerprint));
  const ours = keys.flatMap(({ fingerprint }) => fingerprint ?? []);
  const { present, loaded } = observed.heard;
  return ours.every((fingerprint) => {
    return held.has(fingerprint) ? present.has(fingerprint) : !present.has(fingerprint) && !loaded?.has(fingerprint);
  });
}
