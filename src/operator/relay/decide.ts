import { READY, REASONS, RECONCILING, REGISTRIES_READY, RELAYS_READY } from '../../api/index.ts';
import type { Deployment } from '../../kube/index.ts';
import type { Finding } from '../conditions/conditions.ts';
import { type Stall, stallFindings } from '../namespaces/decide.ts';

/** How a Deployment stands. */
export interface Replicas {
  readonly wanted: number;
  readonly current: number;
  readonly ready: number;
  /** Neither wanted nor counted any more: they let their sessions move. 0 also where the Deployment controller does not tell. */
  readonly terminating: number;
  /** The Deployment controller has looked at what we want, and every replica is of it. */
  readonly upToDate: boolean;
  /** The Deployment controller has given up, in its words. */
  readonly failure: string | undefined;
}

export function replicasOf({ metadata, spec, status }: Deployment): Replicas {
  const wanted = spec?.replicas ?? 1;
  const observed = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  const progressing = status?.conditions?.find(({ type }) => type === 'Progressing');
  return {
    wanted,
    current: status?.replicas ?? 0,
    ready: status?.readyReplicas ?? 0,
    terminating: status?.terminatingReplicas ?? 0,
    upToDate: observed && (status?.updatedReplicas ?? 0) === wanted && (status?.replicas ?? 0) === wanted,
    failure: progressing?.status === 'False' ? (progressing.message ?? 'no progress') : undefined,
  };
}

export interface ObservedRelay {
  readonly relays: Replicas;
  readonly registries: Replicas;
  readonly certificates: { readonly finding: Finding; readonly ended: boolean };
  readonly ticketKeys: Finding;
  /** What it said of itself before. */
  readonly wasReady: boolean;
}

/**
 * The conditions of a Relay whose children are as they should be. It becomes ready when every replica is, and from then on stays so while there
 * is one of each part: a rolling update, more replicas or a node that is drained are no news to those whom it serves.
 */
export function decideRelay(observed: ObservedRelay): Finding[] {
  const relays = { type: RELAYS_READY, ...replicasFinding('relays', observed.relays) } as const;
  const registries = { type: REGISTRIES_READY, ...replicasFinding('registries', observed.registries) } as const;
  const { certificates, ticketKeys, wasReady } = observed;
  const changing = [relays, registries].find(({ status }) => status === 'Unknown');
  const serves = wasReady && observed.relays.ready > 0 && observed.registries.ready > 0;
  const worst =
    (certificates.ended ? certificates.finding : undefined) ??
    [relays, registries].find(({ status }) => status === 'False') ??
    (serves ? undefined : changing);
  return [
    worst === undefined
      ? { type: READY, status: 'True', reason: REASONS.Available, message: `${relays.message} ${registries.message}` }
      : { ...worst, type: READY },
    ...(changing === undefined ? [] : [{ ...changing, type: RECONCILING, status: 'True' } as const]),
    relays,
    registries,
    certificates.finding,
    ticketKeys,
  ];
}

/** The conditions of a Relay that waits for a human. */
export function stalledRelay(stall: Stall): Finding[] {
  return [{ type: READY, status: 'False', reason: REASONS.Stalled, message: stall.message }, ...stallFindings(stall)];
}

function replicasFinding(what: string, replicas: Replicas): Omit<Finding, 'type'> {
  const { wanted, ready, terminating, upToDate, failure } = replicas;
  const message = `${ready} of ${wanted} ${what} are ready${terminating > 0 ? `, ${terminating} on the way out` : ''}`;
  if (upToDate && ready >= wanted) return { status: 'True', reason: REASONS.Available, message: `${message}.` };
  if (failure !== undefined) {
    return { status: 'False', reason: REASONS.ReplicasUnavailable, message: `${message}: ${failure}` };
  }
  return { status: 'Unknown', reason: REASONS.RollingOut, message: `${message}.` };
}
