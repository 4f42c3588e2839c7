import { ANNOTATIONS, GROUP, VERSION } from './names.ts';

/**
 * Separation of duties (`design.md` §4): who may change keys and nothing else. RBAC knows no rights on annotations, so whoever changes one has the verb
 * `patch` on the whole object; what of it he may change is said by an admission policy, which asks for the verbs `rotate` and `revoke` on
 * `executors/keys`. Whoever may also `update` executors is no keeper of keys but an editor, and only the rule on names is for him.
 */
const KEY_VERBS = { rotate: 'rotate', revoke: 'revoke' } as const;
export type KeyVerb = keyof typeof KEY_VERBS;

/** The virtual subresource that those verbs are of. */
export const KEYS_SUBRESOURCE = 'keys';

const WORDS = [ANNOTATIONS.requestedBy, ANNOTATIONS.requestReason];
const OURS = [ANNOTATIONS.rotateRequestedAt, ANNOTATIONS.revokeRequestedKey, ...WORDS];

const valueIn = (side: 'before' | 'after', key: string) => `variables.${side}[?'${key}'].orValue('')`;
const changes = (key: string) => `${valueIn('after', key)} != ${valueIn('before', key)}`;
const metadataOf = (side: 'object' | 'oldObject', field: string, empty: string) =>
  `${side}.metadata.?${field}.orValue(${empty})`;
const sameMetadata = (field: string, empty: string) =>
  `${metadataOf('object', field, empty)} == ${metadataOf('oldObject', field, empty)}`;
const may = (verb: string, subresource = '') =>
  `authorizer.group('${GROUP}').resource('executors')${subresource}.namespace(object.metadata.namespace).name(object.metadata.name).check('${verb}').allowed()`;
const listed = (keys: readonly string[]) => `[${keys.map((key) => `'${key}'`).join(', ')}]`;

const { rotateRequestedAt, revokeRequestedKey, requestedBy } = ANNOTATIONS;

const VARIABLES = [
  { name: 'isNew', expression: 'oldObject == null' },
  { name: 'before', expression: `variables.isNew ? {} : ${metadataOf('oldObject', 'annotations', '{}')}` },
  { name: 'after', expression: metadataOf('object', 'annotations', '{}') },
  { name: 'rotates', expression: changes(rotateRequestedAt) },
  { name: 'revokes', expression: changes(revokeRequestedKey) },
  { name: 'words', expression: WORDS.map(changes).join(' || ') },
  // A value that was handled asks for nothing, whoever puts it back: a manifest of before may be applied again by anybody.
  {
    name: 'asks',
    expression: [
      `(variables.rotates && ${valueIn('after', rotateRequestedAt)} != '' && (variables.isNew || !(${valueIn('after', rotateRequestedAt)} in oldObject.?status.?handledRotationRequests.orValue([]))))`,
      `(variables.revokes && ${valueIn('after', revokeRequestedKey)} != '')`,
    ].join(' || '),
  },
  { name: 'requester', expression: valueIn('after', requestedBy) },
  { name: 'mayRotate', expression: may(KEY_VERBS.rotate, `.subresource('${KEYS_SUBRESOURCE}')`) },
  { name: 'mayRevoke', expression: may(KEY_VERBS.revoke, `.subresource('${KEYS_SUBRESOURCE}')`) },
  {
    name: 'keepsKeysOnly',
    expression: `!variables.isNew && !${may('update')} && (variables.mayRotate || variables.mayRevoke)`,
  },
  // A key that is named, that is known, and that is not recorded as revoked yet.
  {
    name: 'revocationWaits',
    expression: `!variables.isNew && !variables.revokes && ${valueIn('before', revokeRequestedKey)} != oldObject.?status.?ignoredRevocation.orValue('') && oldObject.?status.?keys.orValue([]).exists(key, key.id == ${valueIn('before', revokeRequestedKey)} && key.state != 'Revoked')`,
  },
] as const;

/** Said to whoever tries; the operator repeats none of it. */
const VALIDATIONS = [
  {
    expression: `!(variables.asks || ${changes(requestedBy)}) || variables.requester == '' || variables.requester == request.userInfo.username`,
    messageExpression: `'the annotation ${requestedBy} names ' + variables.requester + ', and you are ' + request.userInfo.username + ': write your own name, or take the annotation away in the same request'`,
    reason: 'Forbidden',
  },
  {
    expression: '!(variables.words && variables.revocationWaits)',
    messageExpression: `'the revocation of ' + ${valueIn('before', revokeRequestedKey)} + ' that was asked for is not recorded yet, and who asked for it and why must stay until it is: try again in a moment'`,
    reason: 'Forbidden',
  },
  {
    expression: '!variables.keepsKeysOnly || object.?spec == oldObject.?spec',
    message: `whoever may rotate or revoke keys but not update executors may not change spec`,
    reason: 'Forbidden',
  },
  {
    expression: `!variables.keepsKeysOnly || (${[
      sameMetadata('labels', '{}'),
      sameMetadata('finalizers', '[]'),
      sameMetadata('ownerReferences', '[]'),
    ].join(' && ')})`,
    message: 'whoever may rotate or revoke keys but not update executors may not change labels, finalizers and owners',
    reason: 'Forbidden',
  },
  {
    expression: `!variables.keepsKeysOnly || (variables.after.all(key, key in ${listed(OURS)} || (key in variables.before && variables.before[key] == variables.after[key])) && variables.before.all(key, key in ${listed(OURS)} || key in variables.after))`,
    message: `whoever may rotate or revoke keys but not update executors may change these annotations alone: ${OURS.join(', ')}`,
    reason: 'Forbidden',
  },
  {
    expression: '!variables.keepsKeysOnly || !variables.rotates || variables.mayRotate',
    message: `the annotation ${rotateRequestedAt} needs the verb rotate on executors/keys`,
    reason: 'Forbidden',
  },
  {
    expression: '!variables.keepsKeysOnly || !variables.revokes || variables.mayRevoke',
    message: `the annotation ${revokeRequestedKey} needs the verb revoke on executors/keys`,
    reason: 'Forbidden',
  },
  {
    expression: '!variables.keepsKeysOnly || !variables.words || variables.rotates || variables.revokes',
    message: `the annotations ${WORDS.join(' and ')} belong to a request: change them together with ${rotateRequestedAt} or ${revokeRequestedKey}`,
    reason: 'Forbidden',
  },
] as const;

/** What the operator compares: with another text it does not vouch for names. */
export const KEYS_POLICY_SPEC = {
  failurePolicy: 'Fail',
  matchConstraints: {
    matchPolicy: 'Equivalent',
    resourceRules: [
      {
        apiGroups: [GROUP],
        apiVersions: [VERSION],
        operations: ['CREATE', 'UPDATE'],
        resources: ['executors'],
        scope: '*',
      },
    ],
  },
  variables: VARIABLES,
  validations: VALIDATIONS,
} as const;

const ADMISSION = 'admissionregistration.k8s.io/v1';

export function keysPolicy(name: string) {
  return {
    apiVersion: ADMISSION,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: KEYS_POLICY_SPEC,
  };
}

export function keysPolicyBinding(name: string) {
  return {
    apiVersion: ADMISSION,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name },
    spec: { policyName: name, validationActions: ['Deny'] },
  };
}

const READ = ['get', 'list', 'watch'];

/** A role for people who keep keys; neither holds any other right on executors that the policy would let through. */
export function keyRole(name: string, verb: KeyVerb) {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name },
    rules: [
      { apiGroups: [GROUP], resources: ['executors'], verbs: [...READ, 'patch'] },
      { apiGroups: [GROUP], resources: ['executors/status'], verbs: ['get'] },
      { apiGroups: [GROUP], resources: [`executors/${KEYS_SUBRESOURCE}`], verbs: [KEY_VERBS[verb]] },
    ],
  };
}
