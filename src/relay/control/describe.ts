import type { DrainProgress } from '../drain/ending.ts';
import type { RelayLimits } from '../limits.ts';
import type { Recent } from '../measures/recent.ts';
import type { Levels, SocketKind } from '../meters.ts';
import type { RelayStatus } from './status.ts';

export interface RelayFacts {
  readonly bootId: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly notReadyReason: string | undefined;
  readonly drain: DrainProgress | undefined;
  readonly levels: Levels;
  readonly recentRoundTrips: Readonly<Record<SocketKind, Recent>>;
  readonly limits: RelayLimits;
}

/** The status of a relay, as its control socket tells it. */
export function describeRelay(facts: RelayFacts): RelayStatus {
  const { bootId, startedAt, notReadyReason, drain, levels, recentRoundTrips, limits } = facts;
  return {
    version: 1,
    bootId,
    startTime: timeOf(startedAt),
    ready: notReadyReason === undefined,
    ...(notReadyReason !== undefined && { notReadyReason }),
    ...(drain && { drain: { startTime: timeOf(drain.startedAt), streams: drain.streams, ended: drain.ended } }),
    registries: levels.presence,
    executors: levels.sockets.executor,
    harnesses: levels.sockets.harness,
    splices: levels.sockets.splice,
    unfinished: levels.unfinished,
    streams: levels.streams,
    backlog: { towardHarnessesBytes: levels.backlogBytes, towardExecutorsBytes: levels.uploadBytes },
    roundTrips: {
      executors: roundTripOf(recentRoundTrips.executor),
      harnesses: roundTripOf(recentRoundTrips.harness),
    },
    limits: { ...limits },
  };
}

function roundTripOf(recent: Recent): RelayStatus['roundTrips']['executors'] {
  const [p50, p99] = [recent.quantile(0.5), recent.quantile(0.99)];
  if (p50 === undefined || p99 === undefined) return undefined;
  return { samples: recent.count, p50Milliseconds: rounded(p50), p99Milliseconds: rounded(p99) };
}

/** To microseconds. */
function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1_000) / 1_000;
}

function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
