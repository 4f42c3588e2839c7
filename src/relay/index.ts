export { DEFAULT_LIMITS, type RelayLimits } from './limits.ts';
export { type RelayOptions, type RunningRelay, startRelay } from './relay.ts';
