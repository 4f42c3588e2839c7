import type { Metrics } from '../../telemetry/index.ts';
import type { RelayLimits } from '../limits.ts';

/** The limits in force, named as in `noisefleet_relay_limited_total` and the reasons of cuts, so that an alert can compare (`docs/limits.md`). */
export function publishLimits(metrics: Metrics, limits: RelayLimits): void {
  const counts = metrics.gauge('noisefleet_relay_limit', 'How many a limit allows.', ['limit']);
  const bytes = metrics.gauge('noisefleet_relay_limit_bytes', 'How many bytes a limit allows.', ['limit']);
  const perSecond = metrics.gauge('noisefleet_relay_limit_per_second', 'What a limit allows all the time.', ['limit']);
  const burst = metrics.gauge('noisefleet_relay_limit_burst', 'What a limit allows at once.', ['limit']);
  counts.set(limits.maxSockets, { limit: 'sockets' });
  counts.set(limits.maxUnfinishedSockets, { limit: 'unfinished_sockets' });
  counts.set(limits.maxBegunSockets, { limit: 'begun_sockets' });
  counts.set(limits.maxPendingUpgrades, { limit: 'pending_upgrades' });
  counts.set(limits.socketsPerIdentity, { limit: 'identity_sockets' });
  counts.set(limits.streamsPerIdentity, { limit: 'identity_streams' });
  bytes.set(limits.streamBacklogBytes, { limit: 'stream_backlog' });
  bytes.set(limits.executorBacklogBytes, { limit: 'executor_backlog' });
  bytes.set(limits.processBacklogBytes, { limit: 'process_backlog' });
  bytes.set(limits.processUploadBytes, { limit: 'process_uploads' });
  perSecond.set(limits.upgradesPerSecondPerIdentity, { limit: 'identity_upgrades' });
  burst.set(limits.burstUpgradesPerIdentity, { limit: 'identity_upgrades' });
  perSecond.set(limits.bytesPerSecondPerIdentity, { limit: 'identity_bytes' });
  burst.set(limits.burstBytesPerIdentity, { limit: 'identity_bytes' });
}
