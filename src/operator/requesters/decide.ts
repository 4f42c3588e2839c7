import { KEYS_POLICY_SPEC } from '../../api/index.ts';
import { type KubeObject, parseTime } from '../../kube/index.ts';

/** A policy, or what puts it into force, as the API server has it. */
export type AdmissionObject = KubeObject & { readonly spec?: Readonly<Record<string, unknown>> | undefined };

/**
 * Since when the API server lets nobody ask for a key in another's name, in milliseconds; undefined when it does not, or when that cannot be told.
 * Only the very policy of this release is vouched for, bound without an exception: of any other nobody knows what it lets through.
 */
export function inForceSince(
  policy: AdmissionObject | undefined,
  binding: AdmissionObject | undefined,
): number | undefined {
  if (policy === undefined || binding === undefined || !isOurs(policy) || !binds(binding, policy.metadata.name)) {
    return undefined;
  }
  return Math.max(lastWrite(policy), lastWrite(binding));
}

/** Whether what an object's annotations say was written under a policy that is in force since then. */
export function isWrittenSince({ metadata }: KubeObject, since: number, annotation: string): boolean {
  const path = `"f:${annotation}"`;
  const writes = (metadata.managedFields ?? []).filter(({ fieldsV1 }) => JSON.stringify(fieldsV1 ?? '').includes(path));
  // Times have seconds: a write in the very second may have come before.
  return writes.length > 0 && writes.every(({ time }) => (parseTime(time) ?? 0) > since);
}

function isOurs({ spec }: AdmissionObject): boolean {
  const { failurePolicy, variables, validations, matchConstraints } = KEYS_POLICY_SPEC;
  if (spec === undefined || spec.paramKind !== undefined || Object.hasOwn(spec, 'matchConditions')) return false;
  const told = spec.matchConstraints;
  return (
    spec.failurePolicy === failurePolicy &&
    isSame(spec.variables, variables) &&
    isSame(spec.validations, validations) &&
    isRecord(told) &&
    isSame(told.resourceRules, matchConstraints.resourceRules) &&
    !told.excludeResourceRules &&
    isEverything(told)
  );
}

function binds({ spec }: AdmissionObject, name: string): boolean {
  if (spec === undefined || spec.policyName !== name || spec.paramRef !== undefined) return false;
  const { validationActions, matchResources } = spec;
  const denies = Array.isArray(validationActions) && validationActions.includes('Deny');
  return denies && (matchResources === undefined || (isRecord(matchResources) && isUnbounded(matchResources)));
}

/** A binding may narrow what it applies to; the API server fills in selectors that select everything. */
function isUnbounded(resources: Readonly<Record<string, unknown>>): boolean {
  return !resources.resourceRules && !resources.excludeResourceRules && isEverything(resources);
}

function isEverything({ namespaceSelector, objectSelector }: Readonly<Record<string, unknown>>): boolean {
  return [namespaceSelector, objectSelector].every((selector) => selector === undefined || isSame(selector, {}));
}

/** When somebody last wrote its spec or metadata; the status is the API server's own. */
function lastWrite({ metadata }: KubeObject): number {
  const writes = (metadata.managedFields ?? []).filter(({ subresource }) => subresource === undefined);
  const times = [metadata.creationTimestamp, ...writes.map(({ time }) => time)].map((time) => parseTime(time) ?? 0);
  return Math.max(...times);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The order of fields is not of their meaning; that of a list is. */
function isSame(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((each, at) => isSame(each, b[at]));
  if (!isRecord(a) || !isRecord(b)) return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => isSame(a[key], b[key]));
}
