import type { Metrics } from '../../telemetry/index.ts';
import type { SocketKind } from '../meters.ts';
import { Recent } from './recent.ts';

/** Round trips kept for `status`: some minutes of a small relay, some seconds of a full one. Sorted only when somebody asks. */
const RECENT_ROUND_TRIPS = 1_024;

/** Within one zone below a millisecond; over a second nobody works. Seconds. */
const ROUND_TRIP_BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
/** Looked at once a second; a stream that takes nothing is cut after 12. Seconds. */
const QUEUE_AGE_BUCKETS = [0, 1, 2, 3, 5, 8, 12, 20, 60];
/** A harness waits up to 3 s. Seconds. */
const RETURN_BUCKETS = [0.05, 0.1, 0.2, 0.5, 1, 1.5, 2, 3];
/** One frame of 64 KiB is some ten microseconds; what a user notices begins at 50 ms. Seconds. */
const LOOP_DELAY_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5];

/** How long things take in one relay. Everything in milliseconds; published in seconds. */
export interface Measures {
  /** From a ping of ours to its answer, as a message of a stream would take it: it waits behind what is being written. */
  roundTrip(peer: SocketKind, milliseconds: number): void;
  readonly recentRoundTrips: Readonly<Record<SocketKind, Recent>>;
  /** How long the oldest that waits for a harness has waited, to a second. */
  queueAge(milliseconds: number): void;
  /** How long a harness waited for its executor that was not here, and whether it came. */
  executorReturn(milliseconds: number, returned: boolean): void;
  /** How much later than asked for the event loop came to a timer. */
  eventLoopDelay(milliseconds: number): void;
}

export function createMeasures(metrics: Metrics | undefined): Measures {
  const recentRoundTrips = { executor: new Recent(RECENT_ROUND_TRIPS), harness: new Recent(RECENT_ROUND_TRIPS) };
  const publish = metrics && histograms(metrics);
  return {
    recentRoundTrips,
    roundTrip(peer, milliseconds) {
      recentRoundTrips[peer].add(milliseconds);
      publish?.roundTrip.observe(milliseconds / 1_000, { peer });
    },
    queueAge: (milliseconds) => publish?.queueAge.observe(milliseconds / 1_000),
    executorReturn(milliseconds, returned) {
      publish?.executorReturn.observe(milliseconds / 1_000, { result: returned ? 'returned' : 'gone' });
    },
    eventLoopDelay: (milliseconds) => publish?.loopDelay.observe(milliseconds / 1_000),
  };
}

function histograms(metrics: Metrics) {
  return {
    roundTrip: metrics.histogram(
      'noisefleet_relay_round_trip_seconds',
      'From a ping of this relay to its answer.',
      ROUND_TRIP_BUCKETS,
      ['peer'],
    ),
    queueAge: metrics.histogram(
      'noisefleet_relay_queue_age_seconds',
      'Age of the oldest bytes of each stream that waits for its harness, looked at once a second.',
      QUEUE_AGE_BUCKETS,
    ),
    executorReturn: metrics.histogram(
      'noisefleet_relay_executor_return_seconds',
      'How long harnesses waited for an executor that was not here.',
      RETURN_BUCKETS,
      ['result'],
    ),
    loopDelay: metrics.histogram(
      'noisefleet_relay_event_loop_delay_seconds',
      'How late a timer of one second ran.',
      LOOP_DELAY_BUCKETS,
    ),
  };
}
