import { z } from 'zod';
import { nearestName } from './nearest.ts';

/**
 * Building blocks of every kind. Objects are closed: an unknown field is an error that names the nearest known one, because a
 * misspelt field that is dropped in silence is a setting that somebody believes in.
 */
export function fields<Shape extends z.core.$ZodShape>(shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') return unknownFields(issue.keys ?? [], known);
      return 'must be an object';
    },
  });
}

function unknownFields(unknown: readonly string[], known: readonly string[]): string {
  const named = unknown.map((field) => {
    const near = nearestName(field, known);
    return `unknown field ${JSON.stringify(field)}${near === undefined ? '.' : `, did you mean ${JSON.stringify(near)}?`}`;
  });
  return `${named.join(' ')} Allowed: ${known.join(', ') || 'no fields'}`;
}

export function oneOf<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` });
}

/** A discriminated union: the field `discriminator` says which member holds; what belongs to other members is an unknown field. */
export function union<const Members extends readonly [z.core.$ZodTypeDiscriminable, ...z.core.$ZodTypeDiscriminable[]]>(
  discriminator: string,
  values: readonly string[],
  members: Members,
) {
  return z.discriminatedUnion(discriminator, members, {
    error: `${discriminator} must be one of ${values.join(', ')}`,
  });
}

export function wholeNumber(least: number, most: number) {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

/** RFC 1123 label: what Kubernetes takes as a namespace, and what we take as a name, since names become environment ids. */
export const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

const DNS_LABEL_ERROR = 'must be a DNS label: 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit';

export const dnsLabel = z.string({ error: DNS_LABEL_ERROR }).regex(DNS_LABEL, { error: DNS_LABEL_ERROR });

/** RFC 3339 with an offset, as `metav1.Time`. */
export const time = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time such as "2027-01-01T00:00:00Z"' });
