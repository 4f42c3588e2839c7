import { z } from 'zod';
import { dnsLabel, fields } from './fields.ts';
import { labels } from './selector.ts';

/** The group and version of every kind here. */
export const API_VERSION = 'noisefleet.dev/v1alpha1';

/**
 * `Executor` annotation: any value not handled before asks for one key rotation. The value is compared as a string, so a time in
 * any precision, a ticket number or a word will do. It asks only once however often it is applied.
 */
export const ROTATE_REQUESTED_AT = 'noisefleet.dev/rotate-requested-at';

const annotationValue = z.string({ error: 'must be a string: put the value in quotes' });

/** The part of `metav1.ObjectMeta` that people write by hand. */
export const metadata = fields({
  name: dnsLabel,
  namespace: dnsLabel.default('default'),
  labels: labels.default({}),
  annotations: z.record(z.string(), annotationValue).default({}),
});

/** Names an object, in the namespace of the one that refers to it when none is given. */
export const objectReference = fields({ name: dnsLabel, namespace: dnsLabel.optional() });
