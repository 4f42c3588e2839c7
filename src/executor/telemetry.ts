import type { Counter, Gauge, Histogram, Metrics } from '../telemetry/index.ts';

/** Ours promises below a second where a relay drains and below three where one dies; 120 s is when a session is over. Seconds. */
const GAP_BUCKETS = [0.05, 0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120];

/** What the sidecar counts. Labels are results and directions, never identities. */
export interface ExecutorMetrics {
  readonly streams: Gauge;
  readonly pendingHandshakes: Gauge;
  readonly sessions: Gauge;
  readonly sessionGap: Histogram;
  readonly handshakes: Counter;
  readonly resets: Counter;
  readonly registerCalls: Counter;
  readonly relayConnections: Counter;
  readonly streamBytes: Counter;
  readonly droppedFrames: Counter;
}

export function executorMetrics(metrics: Metrics): ExecutorMetrics {
  const name = (rest: string) => `noisefleet_executor_${rest}`;
  return {
    streams: metrics.gauge(name('streams'), 'Streams that are attached now.'),
    pendingHandshakes: metrics.gauge(name('pending_handshakes'), 'Handshakes that wait for the registry.'),
    sessions: metrics.gauge(name('sessions'), 'Sessions in the table, attached and detached.'),
    sessionGap: metrics.histogram(
      'noisefleet_executor_session_gap_seconds',
      'From the loss of a stream to the resume of its session on another.',
      GAP_BUCKETS,
    ),
    handshakes: metrics.counter(name('handshakes_total'), 'Handshakes by result.', ['result']),
    resets: metrics.counter(name('resets_total'), 'Streams that this side reset, by reason.', ['reason']),
    registerCalls: metrics.counter(name('register_total'), 'Calls of register by answer.', ['answer']),
    relayConnections: metrics.counter(name('relay_connections_total'), 'Relay sockets opened.'),
    streamBytes: metrics.counter(name('stream_bytes_total'), 'Bytes of relay messages of ended streams.', [
      'direction',
    ]),
    droppedFrames: metrics.counter(name('dropped_frames_total'), 'Frames from the relay that broke a rule, by code.', [
      'code',
    ]),
  };
}
