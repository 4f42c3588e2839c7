import { fields, list, oneOf, prose, text, time, wholeNumber } from '../schema/fields.ts';

/** What the API server counts with: generations, sizes. */
export const count = wholeNumber(0, Number.MAX_SAFE_INTEGER);

/** `metav1.Condition`. */
const condition = fields({
  type: text({ max: 316, message: 'must be the type of a condition' }).describe('What the condition is about.'),
  status: oneOf(['True', 'False', 'Unknown']).describe('Unknown: on the way, or not known.'),
  observedGeneration: count.optional().describe('Generation of the spec that it speaks of.'),
  lastTransitionTime: time.describe('When the status last changed.'),
  reason: text({
    max: 1024,
    pattern: /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/,
    message: 'must be CamelCase',
  }).describe('Why, in one word; the list of reasons says what to do.'),
  message: prose.describe('Why, for people, and the field or command that mends it.'),
});

/** More conditions than any kind has. */
const MAX_CONDITIONS = 16;

/**
 * `status.observedGeneration` of an object that nobody has looked at. The API server puts it there: an object without a status counts as
 * finished for whoever waits by kstatus (Helm, Flux, Argo CD), and no generation is this one.
 */
export const NOT_OBSERVED = -1;

export const statusBase = {
  observedGeneration: wholeNumber(NOT_OBSERVED, Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Generation of the spec that this status speaks of; -1 before anybody looked at the object.'),
  conditions: list(condition, { max: MAX_CONDITIONS, type: 'map', keys: ['type'] })
    .prefault([])
    .describe('How it is; `Ready` is the summary.'),
};
