export {
  ACCEPTED,
  CERTIFICATES_READY,
  type ConditionType,
  KEYS_READY,
  OVERLAP_FULL,
  POD_READY,
  READY,
  REASONS,
  RECONCILING,
  REGISTRIES_READY,
  RELAYS_READY,
  type Reason,
  ROTATION_DUE,
  ROTATION_FAILED,
  STALLED,
  TICKET_KEYS_READY,
  UPDATE_PENDING,
} from './conditions.ts';
export { KEYS_POLICY_SPEC, KEYS_SUBRESOURCE, type KeyVerb } from './duties.ts';
export type { Executor } from './kinds/executor.ts';
export {
  type ExecutorStatus,
  type FormerKeyStatus,
  type KeyStatus,
  MAX_HANDLED_REQUESTS,
  MAX_KEYS_IN_STATUS,
  MAX_MISSING_PARTIES,
} from './kinds/executor-status.ts';
export type { ExecutorGrant, ExecutorGrantStatus, Subject } from './kinds/grant.ts';
export { KINDS, type Kind } from './kinds/kinds.ts';
export { WORKSPACE_CONTAINER } from './kinds/pod-template.ts';
export { allowsNamespace, type Relay } from './kinds/relay.ts';
export type { RelayStatus } from './kinds/relay-status.ts';
export {
  describeProblem,
  type ManifestFile,
  type ManifestProblem,
  type Manifests,
  objectName,
  parseManifests,
  type Resource,
} from './manifest.ts';
export {
  ANNOTATIONS,
  API_VERSION,
  AUDIENCES,
  COMMAND_PREFIX,
  childName,
  FIELD_MANAGER,
  GROUP,
  KEYS_FINALIZER,
  LABELS,
  type Owner,
  RESERVED_PREFIX,
  ROTATE_REQUESTED_AT,
  secretName,
  VERSION,
} from './names.ts';
export { nearestName } from './nearest.ts';
export { type Duration, formatDuration, isDuration, toMilliseconds } from './schema/duration.ts';
export { DNS_LABEL, fields } from './schema/fields.ts';
export { type LabelSelector, type Labels, selects } from './schema/selector.ts';
export {
  type ReadProblem,
  readExecutor,
  readExecutorGrant,
  readExecutorStatus,
  readRelay,
  type StoredExecutor,
  type StoredExecutorGrant,
  type StoredMetadata,
  type StoredRelay,
  UnreadableResource,
} from './stored.ts';
export { requesterText, withoutControls } from './words.ts';
