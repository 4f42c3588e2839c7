import { READY, REASONS, REGISTRIES_READY, RELAYS_READY } from '../../api/index.ts';
import type { Deployment } from '../../kube/index.ts';
import type { Finding } from '../conditions/conditions.ts';
import { type Stall, stallFindings } from '../namespaces/decide.ts';

/** How a Deployment stands. */
export interface Replicas {
  readonly wanted: number;
  readonly current: number;
  readonly ready: number;
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
    upToDate: observed && (status?.updatedReplicas ?? 0) === wanted && (status?.replicas ?? 0) === wanted,
    failure: progressing?.status === 'False' ? (progressing.message ?? 'no progress') : undefined,
  };
}

export interface ObservedRelay {
  readonly relays: Replicas;
  readonly registries: Replicas;
  readonly certificates: { readonly finding: Finding; readonly ended: boolean };
  readonly ticketKeys: Finding;
}

/** The conditions of a Relay whose children are as they should be. */
export function decideRelay(observed: ObservedRelay): Finding[] {
  const relays = { type: RELAYS_READY, ...replicasFinding('relays', observed.relays) } as const;
  const registries = { type: REGISTRIES_READY, ...replicasFinding('registries', observed.registries) } as const;
  const { certificates, ticketKeys } = observed;
  const worst =
    (certificates.ended ? certificates.finding : undefined) ??
    [relays, registries].find(({ status }) => status === 'False') ??
    [relays, registries].find(({ status }) => status === 'Unknown');
  return [
    worst === undefined
      ? { type: READY, status: 'True', reason: REASONS.Available, message: 'Registries and relays are ready.' }
      : { ...worst, type: READY },
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

function replicasFinding(what: string, { wanted, ready, upToDate, failure }: Replicas): Omit<Finding, 'type'> {
  if (upToDate && ready >= wanted) {
    return { status: 'True', reason: REASONS.Available, message: `${ready} of ${wanted} ${what} are ready.` };
  }
  if (failure !== undefined) {
    return {
      status: 'False',
      reason: REASONS.ReplicasUnavailable,
      message: `${ready} of ${wanted} ${what} are ready: ${failure}`,
    };
  }
  return { status: 'Unknown', reason: REASONS.RollingOut, message: `${ready} of ${wanted} ${what} are ready.` };
}
