import type { Counter, Gauge, Metrics } from '../telemetry/index.ts';

/** What the sidecar counts. Labels are results and directions, never identities. */
export interface ExecutorMetrics {
  readonly streams: Gauge;
  readonly pendingHandshakes: Gauge;
  readonly sessions: Gauge;
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
