import { OVERLAP_FULL, ROTATION_DUE, ROTATION_FAILED } from '../../api/index.ts';
import type { VaultCall } from '../../keys/index.ts';
import { parseTime } from '../../kube/index.ts';
import type { Counter, Gauge, Metrics } from '../../telemetry/index.ts';
import type { ServedExecutor } from '../own-kinds.ts';
import type { ReadStore } from '../world.ts';

export interface KeyMetrics {
  readonly changes: Counter;
  readonly failures: Counter;
  readonly drift: Counter;
  /** Of the key store, when it is Vault. */
  readonly called: (call: VaultCall) => void;
}

/** From a store next door to one that is given up (10 s), in seconds. */
const CALL_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** Once a process. */
export function keyMetrics(metrics: Metrics): KeyMetrics {
  const calls = metrics.counter(
    'noisefleet_key_store_requests_total',
    'Requests to Vault, by what was asked and what came of it: ok, or the code of the error.',
    ['operation', 'result'],
  );
  const seconds = metrics.histogram(
    'noisefleet_key_store_request_duration_seconds',
    'How long requests to Vault took, those that failed included.',
    CALL_BUCKETS,
    ['operation'],
  );
  return {
    changes: metrics.counter(
      'noisefleet_key_changes_total',
      'Steps of keys: requested, created, activated (a rotation is finished), retired, destroyed, revoked; by what made the key.',
      ['change', 'trigger'],
    ),
    failures: metrics.counter(
      'noisefleet_key_failures_total',
      'Tries that failed, by what they needed (Store, Secret, Notes) and the code of the error.',
      ['dependency', 'code'],
    ),
    drift: metrics.counter(
      'noisefleet_key_drift_total',
      'What somebody changed in Secrets or in the key store and was put right, by the reason of its event.',
      ['reason'],
    ),
    called: ({ operation, result, milliseconds }) => {
      calls.add(1, { operation, result });
      seconds.observe(milliseconds / 1000, { operation });
    },
  };
}

const STATES = ['Pending', 'Prepared', 'Active', 'Retiring', 'Revoked'] as const;
const CONDITIONS = [ROTATION_DUE, ROTATION_FAILED, OVERLAP_FULL] as const;

/** What status says of the keys of all executors, counted when somebody asks: labels name no executor. */
export function keyGauges(metrics: Metrics, executors: ReadStore<ServedExecutor>): void {
  const keys = metrics.gauge('noisefleet_keys', 'Keys of all executors, by state.', ['state']);
  const conditions = metrics.gauge(
    'noisefleet_key_conditions',
    'Executors of which a condition about keys is True, by its type.',
    ['type'],
  );
  const oldest = metrics.gauge(
    'noisefleet_key_oldest_activation_timestamp_seconds',
    'When the oldest key that serves began to serve; 0 without any.',
  );
  const next = metrics.gauge(
    'noisefleet_key_next_rotation_timestamp_seconds',
    'When the schedule makes the next key of any executor; in the past while one is overdue, 0 without any.',
  );
  const uncut = metrics.gauge(
    'noisefleet_key_revocations_incomplete',
    'Revoked keys that not every registry and sidecar has said to refuse and to have cut.',
  );
  metrics.onScrape(() => {
    const all = executors.list().map(({ status }) => status);
    const known = all.flatMap((status) => status.keys);
    for (const state of STATES) keys.set(known.filter((key) => key.state === state).length, { state });
    for (const type of CONDITIONS) {
      const isTrue = all.filter((status) =>
        status.conditions.some((each) => each.type === type && each.status === 'True'),
      );
      conditions.set(isTrue.length, { type });
    }
    const serving = known.filter(({ state }) => state === 'Active');
    setEarliest(
      oldest,
      serving.map(({ activationTime }) => activationTime),
    );
    setEarliest(
      next,
      all.map(({ nextRotationTime }) => nextRotationTime),
    );
    uncut.set(
      known.filter(({ state, cut }) => state === 'Revoked' && cut !== undefined && cut.completionTime === undefined)
        .length,
    );
  });
}

function setEarliest(gauge: Gauge, times: readonly (string | undefined)[]): void {
  const known = times.map(parseTime).filter((time) => time !== undefined);
  gauge.set(known.length === 0 ? 0 : Math.min(...known) / 1000);
}
