import { READY, REASONS, ROTATION_DUE, STALLED, type StoredExecutor, type StoredRelay } from '../../api/index.ts';
import type { Seen } from '../cluster/kinds.ts';

/** How an object is, in the words that people count in. */
export const STATES = ['Ready', 'Progressing', 'NotReady', 'Suspended', 'Stalled', 'Unreadable'] as const;
export type State = (typeof STATES)[number];

interface Standing {
  readonly namespace: string;
  readonly name: string;
  readonly state: State;
  /** Of the condition that says why. */
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
}

interface Replicas {
  readonly ready: number;
  readonly wanted: number;
}

export interface RelayStanding extends Standing {
  /** Absent: not known. */
  readonly relays?: Replicas | undefined;
  readonly registries?: Replicas | undefined;
  readonly executors?: number | undefined;
  readonly sessions?: number | undefined;
}

export interface ExecutorStanding extends Standing {
  readonly relay?: string | undefined;
  readonly runtime?: string | undefined;
  readonly environmentID?: string | undefined;
  readonly key?: string | undefined;
  readonly nextRotationTime?: string | undefined;
  readonly rotationDue?: boolean | undefined;
  /** Absent: not known. */
  readonly sessions?: number | undefined;
  readonly pod?: string | undefined;
  readonly creationTime?: string | undefined;
}

/** What `noisefleet status` knows. With `-o json` and `yaml` it is printed as it stands: fields may be added, none renamed. */
export interface Fleet {
  readonly version: 1;
  /** Whether everything is as it was asked to be: ready, or suspended. */
  readonly ready: boolean;
  /** Executors by state; states that none is in are absent. */
  readonly counts: Readonly<Partial<Record<State, number>>>;
  readonly relays: readonly RelayStanding[];
  readonly executors: readonly ExecutorStanding[];
}

export interface Observed {
  readonly relays: readonly Seen<StoredRelay>[];
  readonly executors: readonly Seen<StoredExecutor>[];
  /** Whether these are all executors of the cluster: only then can those of a relay be counted. */
  readonly all: boolean;
}

/** Pure: the same objects give the same answer. */
export function summariseFleet({ relays, executors, all }: Observed): Fleet {
  const standings = executors.map(executorStanding).sort(byName);
  const relayStandings = relays.map((relay) => relayStanding(relay, all ? standings : undefined)).sort(byName);
  const counts: Partial<Record<State, number>> = {};
  for (const state of STATES) {
    const count = standings.filter((each) => each.state === state).length;
    if (count > 0) counts[state] = count;
  }
  const ready = [...standings, ...relayStandings].every(({ state }) => isAsAsked(state));
  return { version: 1, ready, counts, relays: relayStandings, executors: standings };
}

/** Suspended is what somebody asked for, and no trouble. */
export function isAsAsked(state: State): boolean {
  return state === 'Ready' || state === 'Suspended';
}

function executorStanding(seen: Seen<StoredExecutor>): ExecutorStanding {
  const standing = standingOf(seen);
  const { read } = seen;
  if (read === undefined) return standing;
  const { spec, status } = read;
  return {
    ...standing,
    relay: status.relay ?? `${spec.relayRef.namespace ?? standing.namespace}/${spec.relayRef.name}`,
    runtime: spec.runtime.type,
    environmentID: status.environmentID,
    key: status.activeKeyID,
    nextRotationTime: status.nextRotationTime,
    rotationDue: status.conditions.some(({ type, status: is }) => type === ROTATION_DUE && is === 'True') || undefined,
    sessions: status.sessions?.count,
    pod: status.pod?.uid === undefined ? undefined : status.pod.name,
    creationTime: read.metadata.creationTimestamp,
  };
}

function relayStanding(seen: Seen<StoredRelay>, all: readonly ExecutorStanding[] | undefined): RelayStanding {
  const standing = standingOf(seen);
  const { read } = seen;
  if (read === undefined) return standing;
  const { spec, status } = read;
  const own = all?.filter(({ relay }) => relay === `${standing.namespace}/${standing.name}`);
  return {
    ...standing,
    relays: replicas(status.readyReplicas, spec.replicas),
    registries: replicas(status.registry?.readyReplicas, spec.registry.replicas),
    executors: own?.length ?? status.executors,
    sessions: own && sessionsOf(own),
  };
}

function replicas(ready: number | undefined, wanted: number): Replicas | undefined {
  return ready === undefined ? undefined : { ready, wanted };
}

/** Unknown is not zero: the sum is known only when each part is. What is not ready has none. */
function sessionsOf(executors: readonly ExecutorStanding[]): number | undefined {
  let sum = 0;
  for (const { state, sessions } of executors) {
    if (sessions === undefined && state === 'Ready') return undefined;
    sum += sessions ?? 0;
  }
  return sum;
}

function standingOf(seen: Seen<StoredExecutor | StoredRelay>): Standing {
  const { namespace = '', name } = seen.metadata;
  const { read } = seen;
  if (read === undefined) return { namespace, name, state: 'Unreadable', message: seen.problem ?? '' };
  const { conditions, observedGeneration = 0 } = read.status;
  const stalled = conditions.find(({ type, status }) => type === STALLED && status === 'True');
  const ready = conditions.find(({ type }) => type === READY);
  const told = stalled ?? ready;
  const why = told === undefined ? {} : { reason: told.reason, message: told.message };
  // What was said of an older spec says nothing of this one.
  const looked = observedGeneration >= read.metadata.generation;
  return { namespace, name, state: looked ? stateOf(stalled !== undefined, ready) : 'Progressing', ...why };
}

function stateOf(stalled: boolean, ready: { readonly status: string; readonly reason: string } | undefined): State {
  if (stalled) return 'Stalled';
  if (ready?.reason === REASONS.Suspended) return 'Suspended';
  if (ready?.status === 'True') return 'Ready';
  return ready?.status === 'False' ? 'NotReady' : 'Progressing';
}

function byName(a: Standing, b: Standing): number {
  return a.namespace.localeCompare(b.namespace, 'en') || a.name.localeCompare(b.name, 'en');
}
