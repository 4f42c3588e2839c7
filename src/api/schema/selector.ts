import { z } from 'zod';
import { fields, list, oneOf, text } from './fields.ts';
import { celText, ruled } from './rules.ts';

/** More than this is no selector but a list of objects: label them. */
const MAX_REQUIREMENTS = 16;
const MAX_VALUES = 32;

const LABEL_VALUE = /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/;
const LABEL_KEY = /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

const LABEL_KEY_ERROR = 'must be a label key, such as tier or example.com/tier';
const labelKey = text({
  max: 317,
  pattern: LABEL_KEY,
  message: LABEL_KEY_ERROR,
});
const LABEL_VALUE_ERROR = 'must be a label value: at most 63 of letters, digits, dashes, underscores and dots';
const labelValue = ruled(
  z.string({ error: 'must be a string: put the value in quotes' }).max(63, { error: LABEL_VALUE_ERROR, abort: true }),
  {
    message: LABEL_VALUE_ERROR,
    cel: `self.matches(r'${LABEL_VALUE.source}')`,
    holds: (value) => LABEL_VALUE.test(value),
  },
);

/** `metadata.labels` and `matchLabels`. */
export const labels = z.record(labelKey, labelValue);
export type Labels = Readonly<Record<string, string>>;

const requirement = ruled(
  fields({
    key: labelKey.describe('Key of the label.'),
    operator: oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How key and values belong together.'),
    values: list(labelValue, { max: MAX_VALUES, type: 'atomic' }).optional().describe('For In and NotIn.'),
  }),
  {
    message: 'In and NotIn need values; Exists and DoesNotExist take none',
    cel: "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
    holds: ({ operator, values = [] }) => (operator === 'In' || operator === 'NotIn') === values.length > 0,
  },
);

const matchLabels = ruled(
  labels.refine((wanted) => Object.keys(wanted).length <= MAX_REQUIREMENTS, `takes at most ${MAX_REQUIREMENTS} labels`),
  { message: LABEL_KEY_ERROR, cel: `self.all(key, key.matches(${celText(LABEL_KEY.source)}))` },
).meta({ maxProperties: MAX_REQUIREMENTS });

/** `metav1.LabelSelector`: every requirement must hold; the empty selector selects everything. */
export const labelSelector = fields({
  matchLabels: matchLabels.optional().describe('Labels that an object must have, with these values.'),
  matchExpressions: list(requirement, { max: MAX_REQUIREMENTS, type: 'atomic' })
    .optional()
    .describe('Requirements that must all hold.'),
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
