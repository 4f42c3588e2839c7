export { askDrain, askStatus } from './control/control-client.ts';
export type { RelayStatus } from './control/status.ts';
export { DEFAULT_LIMITS, type RelayLimits } from './limits.ts';
export { type RelayOptions, type RunningRelay, startRelay } from './relay.ts';
