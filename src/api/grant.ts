import { z } from 'zod';
import { dnsLabel, fields, time, union } from './fields.ts';
import { API_VERSION, metadata } from './metadata.ts';
import { labelSelector } from './selector.ts';

/** Only groups that ServiceAccounts have: others would need an identity provider that nothing here asks. */
const SERVICE_ACCOUNT_GROUP = /^system:serviceaccounts:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

const subject = union(
  'kind',
  ['ServiceAccount', 'Group'],
  [
    fields({
      apiGroup: z.literal('', { error: 'must be "" for a ServiceAccount' }).default(''),
      kind: z.literal('ServiceAccount'),
      name: dnsLabel,
      namespace: dnsLabel.optional(),
    }),
    fields({
      apiGroup: z.literal('rbac.authorization.k8s.io').default('rbac.authorization.k8s.io'),
      kind: z.literal('Group'),
      name: z.string().regex(SERVICE_ACCOUNT_GROUP, { error: 'must be system:serviceaccounts:NAMESPACE' }),
    }),
  ],
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
    subjects: z
      .array(subject, { error: 'must be a list of subjects' })
      .min(1, { error: 'needs at least one subject' })
      .max(MAX_SUBJECTS, { error: `takes at most ${MAX_SUBJECTS} subjects: use a group` }),
    /** Absent selects nothing, `{}` every executor of the namespace. */
    executorSelector: labelSelector.nullish(),
    expirationTime: time.optional(),
  }),
});
export type ExecutorGrant = z.infer<typeof executorGrant>;
