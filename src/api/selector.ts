import { z } from 'zod';
import { fields, oneOf } from './fields.ts';

const LABEL_VALUE = /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/;
const LABEL_KEY = /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

const labelKey = z.string().regex(LABEL_KEY, { error: 'must be a label key, such as tier or example.com/tier' });
const labelValue = z
  .string({ error: 'must be a string: put the value in quotes' })
  .regex(LABEL_VALUE, { error: 'must be a label value: at most 63 of letters, digits, -, _ and .' });

/** `metadata.labels` and `matchLabels`. */
export const labels = z.record(labelKey, labelValue);
export type Labels = Readonly<Record<string, string>>;

const requirement = fields({
  key: labelKey,
  operator: oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist']),
  values: z.array(labelValue).optional(),
}).refine(({ operator, values = [] }) => (operator === 'In' || operator === 'NotIn') === values.length > 0, {
  error: 'In and NotIn need values; Exists and DoesNotExist take none',
});

/** `metav1.LabelSelector`: every requirement must hold; the empty selector selects everything. */
export const labelSelector = fields({
  matchLabels: labels.optional(),
  matchExpressions: z.array(requirement).optional(),
});
export type LabelSelector = z.infer<typeof labelSelector>;

/** Whether `selector` selects an object with these labels. */
export function selects(selector: LabelSelector, of: Labels): boolean {
  const equal = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labelOf(of, key) === value);
  return equal && (selector.matchExpressions ?? []).every((each) => holds(each, of));
}

function holds({ key, operator, values = [] }: z.infer<typeof requirement>, of: Labels): boolean {
  const value = labelOf(of, key);
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn': // as in Kubernetes, an object without the label is not in the set either
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return operator satisfies never;
  }
}

function labelOf(of: Labels, key: string): string | undefined {
  return Object.hasOwn(of, key) ? of[key] : undefined;
}
