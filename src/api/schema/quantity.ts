import { text } from './fields.ts';
import { celText, type Rule, ruled } from './rules.ts';

/** Longest quantity that anybody writes. */
const MAX_QUANTITY = 32;

/** What a suffix multiplies with (`k8s.io/apimachinery/pkg/api/resource`). */
const FACTORS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['m', 1e-3],
  ...['k', 'M', 'G', 'T', 'P', 'E'].map((suffix, power) => [suffix, 1000 ** (power + 1)] as const),
  ...['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'].map((suffix, power) => [suffix, 1024 ** (power + 1)] as const),
]);

/** A quantity of bytes above zero, as `20Gi`. `example` is what the refusal shows. */
export function bytesQuantity(example: string, ...rules: readonly Rule<string>[]) {
  return quantity(/^[0-9]+(\.[0-9]+)?([kMGTPE]|[KMGTPE]i)?$/, example, rules);
}

/** An amount of CPU above zero: `2`, `0.5`, `500m`. */
export function cpuQuantity() {
  return quantity(/^[0-9]+(\.[0-9]{1,3})?m?$/, '500m', []);
}

function quantity(pattern: RegExp, example: string, rules: readonly Rule<string>[]) {
  const message = `must be a quantity above zero, such as ${example}`;
  return ruled(
    text({ max: MAX_QUANTITY, message }),
    {
      message,
      cel: `self.matches(${celText(pattern.source)}) && quantity(self).isGreaterThan(quantity('0'))`,
      holds: (value) => pattern.test(value) && quantityValue(value) > 0,
    },
    ...rules,
  );
}

/** The number that a quantity of the forms above stands for. */
export function quantityValue(written: string): number {
  const [, number = '', suffix = ''] = /^([0-9.]+)(.*)$/.exec(written) ?? [];
  return Number(number) * (FACTORS.get(suffix) ?? Number.NaN);
}
