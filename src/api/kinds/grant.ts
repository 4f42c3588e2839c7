import { z } from 'zod';
import { API_VERSION } from '../names.ts';
import { dnsLabel, dnsName, fields, list, text, time, union } from '../schema/fields.ts';
import { metadata } from '../schema/metadata.ts';
import { ruled } from '../schema/rules.ts';
import { labelSelector } from '../schema/selector.ts';
import { count, statusBase } from './status.ts';

/** Only groups that ServiceAccounts have: others would need an identity provider that nothing here asks. */
const serviceAccountGroup = text({
  max: 86,
  pattern: /^system:serviceaccounts:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  message: 'must be system:serviceaccounts:NAMESPACE: other groups wait for an identity provider',
});

const RBAC_GROUP = 'rbac.authorization.k8s.io';
const KINDS = '`ServiceAccount`, or a `Group` of all ServiceAccounts of a namespace.';
const API_GROUPS = `As in RBAC: "" for a ServiceAccount, ${RBAC_GROUP} for a Group. Absent: that.`;

const subject = union(
  'kind',
  (member) => [
    member({
      apiGroup: z
        .literal('', { error: 'apiGroup must be "" when kind is ServiceAccount' })
        .default('')
        .describe(API_GROUPS),
      kind: z.literal('ServiceAccount').describe(KINDS),
      name: dnsName.describe('Name of the ServiceAccount, or `system:serviceaccounts:NAMESPACE`.'),
      namespace: dnsLabel.optional().describe('Namespace of the ServiceAccount. Absent: that of the grant.'),
    }),
    member({
      apiGroup: z
        .literal(RBAC_GROUP, { error: `apiGroup must be "${RBAC_GROUP}" when kind is Group` })
        .default(RBAC_GROUP)
        .describe(API_GROUPS),
      kind: z.literal('Group').describe(KINDS),
      name: serviceAccountGroup.describe('Name of the ServiceAccount, or `system:serviceaccounts:NAMESPACE`.'),
    }),
  ],
  { User: 'User subjects wait for an identity provider: name a ServiceAccount or a Group' },
);
export type Subject = z.infer<typeof subject>;

/** More subjects than this belong into a group. */
const MAX_SUBJECTS = 64;

/** `ExecutorGrant`: who may connect to which executors of its namespace, and until when. Closed by default. */
export const executorGrant = fields({
  apiVersion: z.literal(API_VERSION, { error: `must be ${API_VERSION}` }),
  kind: z.literal('ExecutorGrant'),
  metadata,
  spec: fields({
    subjects: ruled(list(subject, { max: MAX_SUBJECTS, type: 'atomic' }), {
      message: 'needs at least one subject',
      cel: 'size(self) > 0',
      holds: (subjects) => subjects.length > 0,
    }).describe('Who may connect.'),
    executorSelector: labelSelector
      .nullish()
      .describe('Executors of this namespace, by their labels. Absent or null: none. `{}`: all of them.'),
    expirationTime: time.optional().describe('Until when, in RFC 3339. Absent: until it is deleted.'),
  }).describe('What is wanted.'),
});
export type ExecutorGrant = z.infer<typeof executorGrant>;

export const executorGrantStatus = fields({
  ...statusBase,
  executors: count.optional().describe('How many executors it selects now.'),
});
export type ExecutorGrantStatus = z.infer<typeof executorGrantStatus>;
