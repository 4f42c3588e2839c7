import type { Rate } from './token-bucket.ts';

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
