import type { Metrics } from '../telemetry/index.ts';
import type { PorchLimit } from './admission/porch.ts';
import type { UpgradeLimit } from './admission/refusal.ts';

/** Why a frame was dropped, or a stream cut: bounded sets, since they become labels. */
export type DropReason = 'invalid' | 'unowned' | 'foreign_stream' | 'ignored_text';
export type CutReason = 'stream_backlog' | 'executor_backlog' | 'process_backlog' | 'process_uploads' | 'stalled';
export type SocketKind = 'executor' | 'harness';

/** Counters that the hot path touches: plain numbers, published with the next sweep. */
export class Traffic {
  framesToExecutors = 0;
  framesToHarnesses = 0;
  bytesToExecutors = 0;
  bytesToHarnesses = 0;
  readonly dropped: Record<DropReason, number> = { invalid: 0, unowned: 0, foreign_stream: 0, ignored_text: 0 };
  readonly cut: Record<CutReason, number> = {
    stream_backlog: 0,
    executor_backlog: 0,
    process_backlog: 0,
    process_uploads: 0,
    stalled: 0,
  };
  handshakesFailed = 0;
  penalties = 0;
  probes = 0;
}

export interface Levels {
  readonly sockets: Readonly<Record<SocketKind | 'splice', number>>;
  readonly streams: number;
  /** Toward harnesses, and toward executors. */
  readonly backlogBytes: number;
  readonly uploadBytes: number;
  /** Sockets that have not shown their request yet. */
  readonly unfinished: number;
  readonly presence: number;
  /** Whether a registry vouches for this relay. */
  readonly forwards: boolean;
}

export interface Meters {
  /** Publishes what happened since the last call. */
  publish(levels: Levels): void;
  refused(role: SocketKind, code: string): void;
  /** Somebody met a limit and was refused or dropped. */
  limited(limit: UpgradeLimit | PorchLimit | 'unfinished_messages'): void;
}

const COUNTERS = {
  frames: ['noisefleet_relay_frames_total', 'Frames forwarded.', ['direction']],
  bytes: ['noisefleet_relay_bytes_total', 'Message bytes forwarded.', ['direction']],
  dropped: ['noisefleet_relay_dropped_frames_total', 'Frames dropped, by reason.', ['reason']],
  cut: ['noisefleet_relay_streams_cut_total', 'Streams cut because their harness did not keep up.', ['reason']],
  failed: ['noisefleet_relay_handshakes_failed_total', 'Handshakes that the executor refused.', []],
  penalties: ['noisefleet_relay_penalties_total', 'Identities refused for a minute after failed handshakes.', []],
  probes: ['noisefleet_relay_probes_total', 'Probes of registries that were let in.', []],
  refused: ['noisefleet_relay_upgrades_refused_total', 'Upgrades refused, by role and code.', ['role', 'code']],
  limited: ['noisefleet_relay_limited_total', 'Connections refused or dropped, by the limit that they met.', ['limit']],
} as const;

export function createMeters(metrics: Metrics | undefined, traffic: Traffic): Meters {
  if (metrics === undefined) return { publish: () => {}, refused: () => {}, limited: () => {} };
  const counter = ([name, help, labels]: readonly [string, string, readonly string[]]) =>
    metrics.counter(name, help, labels);
  const frames = counter(COUNTERS.frames);
  const bytes = counter(COUNTERS.bytes);
  const dropped = counter(COUNTERS.dropped);
  const cut = counter(COUNTERS.cut);
  const failed = counter(COUNTERS.failed);
  const penalties = counter(COUNTERS.penalties);
  const probes = counter(COUNTERS.probes);
  const refused = counter(COUNTERS.refused);
  const limited = counter(COUNTERS.limited);
  const setLevels = levelGauges(metrics);
  let last = new Traffic();

  return {
    publish(levels) {
      frames.add(traffic.framesToExecutors - last.framesToExecutors, { direction: 'to_executor' });
      frames.add(traffic.framesToHarnesses - last.framesToHarnesses, { direction: 'to_harness' });
      bytes.add(traffic.bytesToExecutors - last.bytesToExecutors, { direction: 'to_executor' });
      bytes.add(traffic.bytesToHarnesses - last.bytesToHarnesses, { direction: 'to_harness' });
      for (const [reason, count] of entries(traffic.dropped)) dropped.add(count - last.dropped[reason], { reason });
      for (const [reason, count] of entries(traffic.cut)) cut.add(count - last.cut[reason], { reason });
      failed.add(traffic.handshakesFailed - last.handshakesFailed);
      penalties.add(traffic.penalties - last.penalties);
      probes.add(traffic.probes - last.probes);
      last = Object.assign(new Traffic(), structuredClone({ ...traffic }));
      setLevels(levels);
    },
    refused: (role, code) => refused.add(1, { role, code }),
    limited: (limit) => limited.add(1, { limit }),
  };
}

function levelGauges(metrics: Metrics): (levels: Levels) => void {
  const sockets = metrics.gauge(
    'noisefleet_relay_sockets',
    'Open sockets; a splice is a harness passed on to another relay.',
    ['kind'],
  );
  const streams = metrics.gauge('noisefleet_relay_streams', 'Streams bound to a harness socket.');
  const backlog = metrics.gauge('noisefleet_relay_backlog_bytes', 'Bytes that harnesses have not taken yet.');
  const uploads = metrics.gauge('noisefleet_relay_upload_backlog_bytes', 'Bytes that executors have not taken yet.');
  const unfinished = metrics.gauge(
    'noisefleet_relay_unfinished_sockets',
    'Connections whose upgrade request is not here yet.',
  );
  const presence = metrics.gauge('noisefleet_relay_presence_connections', 'Registries that this relay reports to.');
  const notForwarding = metrics.gauge(
    'noisefleet_relay_not_forwarding',
    '1 while no registry gets its probes through this relay, which is then unready.',
  );
  return (levels) => {
    sockets.set(levels.sockets.executor, { kind: 'executor' });
    sockets.set(levels.sockets.harness, { kind: 'harness' });
    sockets.set(levels.sockets.splice, { kind: 'splice' });
    streams.set(levels.streams);
    backlog.set(levels.backlogBytes);
    uploads.set(levels.uploadBytes);
    unfinished.set(levels.unfinished);
    presence.set(levels.presence);
    notForwarding.set(levels.forwards ? 0 : 1);
  };
}

function entries<K extends string>(record: Readonly<Record<K, number>>): [K, number][] {
  // The keys of these records are exactly their type's: they are made by literals above and never extended.
  return Object.entries(record) as [K, number][];
}
