import { describe, expect, it } from 'vitest';
import { ANNOTATIONS, KEYS_POLICY_SPEC } from '../../api/index.ts';
import { type AdmissionObject, inForceSince, isWrittenSince } from './decide.ts';

const EARLY = '2026-11-30T05:00:00Z';
const LATE = '2026-11-30T06:00:00Z';

/** What the API server makes of the policy: it fills in selectors, and keeps no order of fields. */
const stored = {
  failurePolicy: 'Fail',
  matchConstraints: { namespaceSelector: {}, objectSelector: {}, ...KEYS_POLICY_SPEC.matchConstraints },
  validations: KEYS_POLICY_SPEC.validations.map((each) => Object.fromEntries(Object.entries(each).reverse())),
  variables: KEYS_POLICY_SPEC.variables,
};

function admission(kind: string, spec: object, time = EARLY): AdmissionObject {
  const managedFields = [
    { manager: 'helm', time },
    { manager: 'status', subresource: 'status', time: LATE },
  ];
  const metadata = { name: 'noisefleet-keys', uid: 'u', resourceVersion: '1', creationTimestamp: EARLY, managedFields };
  return { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata, spec: { ...spec } };
}
const policy = (spec: object = {}, time = EARLY) =>
  admission('ValidatingAdmissionPolicy', { ...stored, ...spec }, time);
const binding = (spec: object = {}) =>
  admission('ValidatingAdmissionPolicyBinding', {
    ...{ policyName: 'noisefleet-keys', validationActions: ['Deny'], ...spec },
  });

describe('the policy that proves who asks', () => {
  it('is in force since it, and what binds it, were last written; its status counts for nothing', () => {
    expect(inForceSince(policy(), binding())).toBe(Date.parse(EARLY));
    expect(inForceSince(policy({}, LATE), binding())).toBe(Date.parse(LATE));
    expect(inForceSince(policy(), binding({ matchResources: { namespaceSelector: {}, objectSelector: {} } }))).toBe(
      Date.parse(EARLY),
    );
  });

  it.each<[string, AdmissionObject | undefined, AdmissionObject | undefined]>([
    ['not there', undefined, binding()],
    ['not bound', policy(), undefined],
    ['bound to another policy', policy(), binding({ policyName: 'other' })],
    ['bound to audit alone', policy(), binding({ validationActions: ['Audit'] })],
    ['bound with a parameter', policy(), binding({ paramRef: { name: 'x' } })],
    ['bound for some namespaces', policy(), binding({ matchResources: { namespaceSelector: { matchLabels: {} } } })],
    ['bound for some kinds', policy(), binding({ matchResources: { resourceRules: [{}] } })],
    ['ignored when it fails', policy({ failurePolicy: 'Ignore' }), binding()],
    ['asked under a condition', policy({ matchConditions: [{ name: 'never', expression: 'false' }] }), binding()],
    ['without one of its rules', policy({ validations: stored.validations.slice(1) }), binding()],
    [
      'blind to some objects',
      policy({ matchConstraints: { ...stored.matchConstraints, objectSelector: { matchLabels: { a: 'b' } } } }),
      binding(),
    ],
    [
      'blind to some operations',
      policy({ matchConstraints: { ...stored.matchConstraints, excludeResourceRules: [{}] } }),
      binding(),
    ],
  ])('proves nothing when it is %s', (_how, given, bound) => {
    expect(inForceSince(given, bound)).toBeUndefined();
  });
});

describe('a name that stands beside a request', () => {
  const executor = (...managedFields: object[]) => ({
    ...{ apiVersion: 'noisefleet.dev/v1alpha1', kind: 'Executor' },
    metadata: { name: 'build', uid: 'u', resourceVersion: '1', managedFields },
  });
  const writes = (annotation: string, time: string) => ({
    ...{ manager: 'kubectl', time },
    fieldsV1: { 'f:metadata': { 'f:annotations': { [`f:${annotation}`]: {} } } },
  });
  const { requestedBy, requestReason } = ANNOTATIONS;

  it('is proven when it was written after the policy was, and not before, and not by nobody', () => {
    const since = Date.parse('2026-11-30T05:30:00Z');
    expect(isWrittenSince(executor(writes(requestedBy, LATE)), since, requestedBy)).toBe(true);
    expect(isWrittenSince(executor(writes(requestedBy, EARLY)), since, requestedBy)).toBe(false);
    expect(isWrittenSince(executor(writes(requestReason, LATE)), since, requestedBy)).toBe(false);
    expect(isWrittenSince(executor(), since, requestedBy)).toBe(false);
    const both = executor(writes(requestedBy, LATE), writes(requestedBy, EARLY));
    expect(isWrittenSince(both, since, requestedBy)).toBe(false);
  });
});
