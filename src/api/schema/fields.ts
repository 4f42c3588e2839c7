import { z } from 'zod';
import { nearestName } from '../nearest.ts';
import { celText, ruled } from './rules.ts';

/**
 * Building blocks of every kind. Objects are closed: an unknown field is an error that names the nearest known one, because a
 * misspelt field that is dropped in silence is a setting that somebody believes in.
 */
export function fields<Shape extends z.core.$ZodShape>(shape: Shape) {
  return closed(shape, () => undefined);
}

function closed<Shape extends z.core.$ZodShape>(shape: Shape, reasonFor: (field: string) => string | undefined) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return 'must be an object';
      const unknown = issue.keys ?? [];
      return unknown.map(reasonFor).find((reason) => reason !== undefined) ?? unknownFields(unknown, known);
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

type UnionMember = z.core.$ZodTypeDiscriminable & { readonly shape: z.core.$ZodShape };

/** Values that the union does not take yet, each with the reason; the API server knows them only to be able to say so. */
export const NOT_YET = 'x-noisefleet-not-yet';

/**
 * A discriminated union: the field `discriminator` says which member holds. A field of another member is refused, and the answer says
 * where it belongs. `notYet` names values with the reason why they are refused.
 */
export function union<const Members extends readonly [UnionMember, ...UnionMember[]]>(
  discriminator: string,
  build: (member: typeof fields) => Members,
  notYet: Readonly<Record<string, string>> = {},
) {
  const owners = new Map<string, string[]>();
  const members = build((shape) =>
    closed(shape, (field) => {
      const values = owners.get(field);
      return values === undefined ? undefined : belongsTo(field, discriminator, values);
    }),
  );
  const values = members.flatMap((member) => {
    const value = String([...(member._zod.propValues?.[discriminator] ?? [])][0]);
    for (const field of Object.keys(member.shape)) owners.set(field, [...(owners.get(field) ?? []), value]);
    return [value];
  });
  return z
    .discriminatedUnion(discriminator, members, {
      error: ({ input }) => {
        const value: unknown =
          typeof input === 'object' && input !== null ? Reflect.get(input, discriminator) : undefined;
        const reason = typeof value === 'string' && Object.hasOwn(notYet, value) ? notYet[value] : undefined;
        return reason ?? `${discriminator} must be one of ${values.join(', ')}`;
      },
    })
    .meta({ [NOT_YET]: notYet });
}

/** What both sides answer when a field stands beside the wrong discriminator. */
export function belongsTo(field: string, discriminator: string, values: readonly string[]): string {
  return `${field} is allowed only when ${discriminator} is ${values.join(' or ')}`;
}

export function wholeNumber(least: number, most: number) {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error, abort: true }).max(most, { error, abort: true });
}

export interface TextForm {
  /** Characters. Every text has a bound: without one the API server cannot tell what a rule about it costs. */
  readonly max: number;
  readonly pattern?: RegExp;
  /** What is allowed. */
  readonly message: string;
}

/** A text of at least one character. The pattern is one that JavaScript and RE2 read alike. */
export function text({ max, pattern, message: error }: TextForm) {
  const bounded = z.string({ error }).min(1, { error, abort: true }).max(max, { error, abort: true });
  if (pattern === undefined) return bounded;
  const cel = `self.matches(${celText(pattern.source)})`;
  return ruled(bounded, { message: error, cel, holds: (value) => pattern.test(value) });
}

/** Longest free text that we write into a status, as in `metav1.Condition`. */
const MAX_PROSE = 32_768;
/** Text that we write and nobody types. */
export const prose = z.string().max(MAX_PROSE);

type ListForm =
  | { readonly max: number; readonly type: 'atomic' | 'set' }
  | { readonly max: number; readonly type: 'map'; readonly keys: readonly [string, ...string[]] };

/** A list with its merge type (conventions 5) and a bound; in a set and a map no entry is there twice. */
export function list<Item extends z.ZodType>(item: Item, form: ListForm) {
  const items = z
    .array(item, { error: 'must be a list' })
    .max(form.max, { error: `takes at most ${form.max} entries`, abort: true })
    .meta({
      'x-kubernetes-list-type': form.type,
      ...(form.type === 'map' && { 'x-kubernetes-list-map-keys': form.keys }),
    });
  if (form.type === 'atomic') return items;
  const keys = form.type === 'map' ? form.keys : undefined;
  const keysOf = (entry: unknown) =>
    JSON.stringify(keys === undefined ? entry : keys.map((key): unknown => Reflect.get(Object(entry), key)));
  return items.check(
    z.superRefine((entries, context) => {
      const seen = new Set<string>();
      for (const [index, entry] of entries.entries()) {
        if (seen.has(keysOf(entry)))
          context.addIssue({ code: 'custom', path: [index], message: 'is there twice', continue: false });
        seen.add(keysOf(entry));
      }
    }),
  );
}

/** RFC 1123 label: what Kubernetes takes as a namespace, and what we take as a name, since names become environment ids. */
export const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
export const DNS_LABEL_ERROR =
  'must be a DNS label: 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit';
export const dnsLabel = text({ max: 63, pattern: DNS_LABEL, message: DNS_LABEL_ERROR });

/** RFC 1123 subdomain: names of Secrets, ServiceAccounts, storage classes. */
export const dnsName = text({
  max: 253,
  pattern: /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
  message: 'must be a DNS name: at most 253 of a-z, 0-9, - and ., beginning and ending with a letter or digit',
});

/** RFC 3339 with an offset, as `metav1.Time`. */
export const time = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time such as "2027-01-01T00:00:00Z"' });
