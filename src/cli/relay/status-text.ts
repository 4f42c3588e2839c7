import type { RelayStatus } from '../../relay/index.ts';
import { ageOf, table } from '../output/table.ts';

type RoundTrip = NonNullable<RelayStatus['roundTrips']['executors']>;

/** A relay's status for people. `now` in milliseconds since the epoch. */
export function relayStatusText(status: RelayStatus, now: number): string {
  const { bootId, startTime, ready, notReadyReason, registries, unfinished, backlog, roundTrips, limits } = status;
  const { towardHarnessesBytes: toward, towardExecutorsBytes: from } = backlog;
  const rows = [
    [
      'RELAY',
      bootId,
      ready ? 'ready' : `not ready: ${notReadyReason ?? 'unknown'}`,
      `up ${ageOf(now - Date.parse(startTime))}`,
    ],
  ];
  const facts = [
    ['who is here', whoIsHere(status)],
    ['registries', `${registries} connected`],
    ['unread', `${sizeOf(toward)} by harnesses · ${sizeOf(from)} by executors`],
    [
      'round trip',
      `executors ${roundTripText(roundTrips.executors)} · harnesses ${roundTripText(roundTrips.harnesses)}`,
    ],
    ...(unfinished > 0 ? [['at the door', `${unfinished} connections without a request`]] : []),
    ...(status.drain ? [['drain', drainText(status, now)]] : []),
    ['limits', limitsText(limits)],
  ];
  return `${table(rows)}${table(facts.map(([name = '', text = '']) => [`  ${name}`, text]))}`;
}

/** `executors 18 · harnesses 29 · …`, also while it drains. */
export function whoIsHere({ executors, harnesses, splices, streams }: RelayStatus): string {
  return `executors ${executors} · harnesses ${harnesses} · passed on ${splices} · streams ${streams}`;
}

/** Nobody is connected any more. */
export function isEmpty({ executors, harnesses, splices }: RelayStatus): boolean {
  return executors + harnesses + splices === 0;
}

function drainText(status: RelayStatus, now: number): string {
  const { drain, streams } = status;
  if (drain === undefined) return 'none';
  const since = `begun ${ageOf(now - Date.parse(drain.startTime))} ago`;
  if (!drain.ended) return `${since} · ${streams} of ${drain.streams} streams left`;
  return isEmpty(status)
    ? `${since} · done, nobody is left`
    : `${since} · its time is over, ${streams} streams are left`;
}

function roundTripText(roundTrip: RoundTrip | undefined): string {
  if (roundTrip === undefined) return 'unknown yet';
  const { p50Milliseconds, p99Milliseconds } = roundTrip;
  return `p50 ${p50Milliseconds.toFixed(1)} ms  p99 ${p99Milliseconds.toFixed(1)} ms`;
}

function limitsText(limits: RelayStatus['limits']): string {
  const { maxSockets, socketsPerIdentity, processBacklogBytes, processUploadBytes } = limits;
  const sockets = `${maxSockets ?? '?'} sockets (${socketsPerIdentity ?? '?'} of one identity)`;
  return `${sockets} · unread ${sizeOf(processBacklogBytes ?? 0)} by harnesses, ${sizeOf(processUploadBytes ?? 0)} by executors`;
}

function sizeOf(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
