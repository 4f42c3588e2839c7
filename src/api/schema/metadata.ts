import { z } from 'zod';
import { dnsLabel, fields } from './fields.ts';
import { labels } from './selector.ts';

const annotationValue = z.string({ error: 'must be a string: put the value in quotes' });

/** The part of `metav1.ObjectMeta` that people write by hand. In a CRD only the name is ours to check. */
export const metadata = fields({
  name: dnsLabel,
  namespace: dnsLabel.default('default'),
  labels: labels.default({}),
  annotations: z.record(z.string(), annotationValue).default({}),
});

/** Names an object, in the namespace of the one that refers to it when none is given. */
export function objectReference(kind: string) {
  return fields({
    name: dnsLabel.describe(`Name of the ${kind}.`),
    namespace: dnsLabel.optional().describe(`Its namespace. Absent: that of the object that refers to it.`),
  });
}

/** Names a Secret of the same namespace. */
export function secretReference(use: string) {
  return fields({ name: dnsLabel.describe('Name of a Secret of the same namespace.') }).describe(use);
}
