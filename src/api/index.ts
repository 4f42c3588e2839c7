export { READY, REASONS, type Reason, STALLED } from './conditions.ts';
export { type Duration, formatDuration, isDuration, toMilliseconds } from './duration.ts';
export type { Executor } from './executor.ts';
export { DNS_LABEL } from './fields.ts';
export type { ExecutorGrant, Subject } from './grant.ts';
export {
  describeProblem,
  type ManifestFile,
  type ManifestProblem,
  type Manifests,
  objectName,
  parseManifests,
  type Resource,
} from './manifest.ts';
export { API_VERSION, ROTATE_REQUESTED_AT } from './metadata.ts';
export { nearestName } from './nearest.ts';
export { allowsNamespace, type Relay } from './relay.ts';
export { type LabelSelector, type Labels, selects } from './selector.ts';
