import { ANNOTATIONS } from '../../api/index.ts';
import type { Pod } from '../../kube/index.ts';
import type { ObservedPod } from './decide.ts';
import { CONTAINERS } from './places.ts';

type ContainerStatus = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];

/** A pod as decisions see it, with how well it is. */
export interface PodView extends ObservedPod {
  /** Every container of it is ready: the registry knows a key on a live socket, and the user's own probes are content. */
  readonly ready: boolean;
  /** The sidecar says that it is registered. */
  readonly registered: boolean;
  /** It has begun, and may serve before the pod counts as running; of a node that is lost nobody knows. */
  readonly sidecarRuns: boolean;
}

export function viewPod(pod: Pod): PodView {
  const { metadata, status } = pod;
  const conditions = status?.conditions ?? [];
  const phase = phaseOf(status?.phase);
  const sidecar = status?.initContainerStatuses?.find(({ name }) => name === CONTAINERS.sidecar);
  return {
    name: metadata.name,
    uid: metadata.uid,
    hash: metadata.annotations?.[ANNOTATIONS.podHash],
    phase,
    ending: metadata.deletionTimestamp !== undefined,
    message: messageOf(pod),
    ready: conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
    registered: sidecar?.ready === true,
    sidecarRuns: ['Running', 'Unknown'].includes(phase) || sidecar?.state?.running !== undefined,
  };
}

function phaseOf(phase: string | undefined): ObservedPod['phase'] {
  switch (phase) {
    case 'Running':
    case 'Succeeded':
    case 'Failed':
    case 'Unknown':
      return phase;
    default:
      return 'Pending';
  }
}

/** Why it does not run, in the words of whoever keeps it from running: a container, the scheduler, the kubelet. */
function messageOf({ status }: Pod): string {
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const troubled = containers.map(troubleOf).find((trouble) => trouble !== undefined);
  if (troubled !== undefined) return troubled;
  const refused = status?.conditions?.find(({ type, status: value }) => type === 'PodScheduled' && value === 'False');
  return refused?.message ?? status?.message ?? status?.reason ?? '';
}

/** Waiting for its turn is no trouble. */
const ORDINARY = new Set(['PodInitializing', 'ContainerCreating']);

function troubleOf({ name, state, lastState }: ContainerStatus): string | undefined {
  const waiting = state?.waiting;
  if (waiting?.reason !== undefined && !ORDINARY.has(waiting.reason)) {
    const ended = lastState?.terminated;
    const last =
      ended === undefined ? '' : `; it ended with ${ended.reason ?? 'no reason'} (exit code ${ended.exitCode})`;
    return `container ${name}: ${waiting.reason}${waiting.message === undefined ? '' : `: ${waiting.message}`}${last}`;
  }
  const ended = state?.terminated;
  return ended === undefined || ended.exitCode === 0
    ? undefined
    : `container ${name} ended with ${ended.reason ?? 'no reason'} (exit code ${ended.exitCode})`;
}
