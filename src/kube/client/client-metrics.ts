import type { Metrics } from '../../telemetry/index.ts';

/** Calls to the API server under client-go's names. */
export interface ClientMetrics {
  /** `status` 0: there was no answer, and no `milliseconds`. */
  answered(method: string, status: number, milliseconds: number | undefined): void;
}

/** client-go's buckets. Seconds. */
const BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

export function clientMetrics(metrics: Metrics, host: string): ClientMetrics {
  const requests = metrics.counter(
    'rest_client_requests_total',
    'Requests to the API server, by status code, method and host.',
    ['code', 'method', 'host'],
  );
  const durations = metrics.histogram(
    'rest_client_request_duration_seconds',
    'Time until the API server answered, by method and host.',
    BUCKETS,
    ['verb', 'host'],
  );
  return {
    answered(method, status, milliseconds) {
      requests.add(1, { code: status === 0 ? '<error>' : String(status), method, host });
      if (milliseconds !== undefined) durations.observe(milliseconds / 1000, { verb: method, host });
    },
  };
}
