import type { Metrics } from '../../telemetry/index.ts';
import { type Rate, RateLimiter } from './token-bucket.ts';

/** What one caller may ask for. Each is a default that `RegistryOptions.limits` may replace. */
export interface RegistryLimits {
  /** `connect` per identity. The burst lets a whole CI fleet of one identity recover at once after a relay's restart. */
  readonly connect: Rate;
  /** `register` per environment. High, because a real executor exits at a 429; it only stops a loop. */
  readonly register: Rate;
  /** `validate` per environment: one per handshake, and a relay lets three of an identity wait at a time. */
  readonly validate: Rate;
}

export const DEFAULT_LIMITS: RegistryLimits = {
  connect: { perSecond: 100, burst: 500 },
  register: { perSecond: 5, burst: 100 },
  validate: { perSecond: 200, burst: 1000 },
};

/** Each limit as a limiter of its own, and what it refuses as a metric (`docs/limits.md`). */
export interface MeteredLimits {
  readonly connect: RateLimiter;
  readonly register: RateLimiter;
  readonly validate: RateLimiter;
  /** `connect` was refused because of what relays saw. */
  readonly penalised: () => void;
}

export function meteredLimits(limits: RegistryLimits, metrics: Metrics): MeteredLimits {
  const limited = metrics.counter('noisefleet_registry_limited_total', 'Calls refused with 429, by limit.', ['limit']);
  const announce = limitGauges(metrics);
  const limiter = (limit: string, rate: Rate) => {
    announce(limit, rate);
    return new RateLimiter(rate, () => limited.add(1, { limit }));
  };
  return {
    connect: limiter('connects', limits.connect),
    register: limiter('registrations', limits.register),
    validate: limiter('validations', limits.validate),
    penalised: () => limited.add(1, { limit: 'failed_handshakes' }),
  };
}

/** The values in force, so that an alert can compare. */
function limitGauges(metrics: Metrics): (limit: string, rate: Rate) => void {
  const perSecond = metrics.gauge('noisefleet_registry_limit_per_second', 'What a limit allows all the time.', [
    'limit',
  ]);
  const burst = metrics.gauge('noisefleet_registry_limit_burst', 'What a limit allows at once.', ['limit']);
  return (limit, rate) => {
    perSecond.set(rate.perSecond, { limit });
    burst.set(rate.burst, { limit });
  };
}
