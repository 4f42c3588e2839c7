import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesQuantity, cpuQuantity, quantityValue } from './quantity.ts';

const accepts = (schema: ReturnType<typeof bytesQuantity>) => (written: string) => schema.safeParse(written).success;

describe('a quantity', () => {
  it.each([
    ['1', 1],
    ['0.5', 0.5],
    ['500m', 0.5],
    ['20k', 20_000],
    ['1Ki', 1024],
    ['1.5Gi', 1.5 * 1024 ** 3],
    ['2E', 2e18],
  ])('%s is %d', (written, value) => {
    expect(quantityValue(written)).toBe(value);
  });

  it.each(['128Mi', '1G', '1.5Gi', '4096', '512Ki'])('of bytes may be %s', (written) => {
    expect(accepts(bytesQuantity('20Gi'))(written)).toBe(true);
  });

  it.each(['0', '0Gi', '-1', '1gi', '512ki', '1 Gi', '100m', '1e3', '.5Gi', ''])('of bytes is never %j', (written) => {
    expect(accepts(bytesQuantity('20Gi'))(written)).toBe(false);
  });

  it.each(['2', '0.5', '250m', '1.5'])('of CPU may be %s', (written) => {
    expect(accepts(cpuQuantity())(written)).toBe(true);
  });

  it.each(['0', '0m', '1Gi', '1k', '0.0001', ''])('of CPU is never %j', (written) => {
    expect(accepts(cpuQuantity())(written)).toBe(false);
  });

  it('that is accepted has a value above zero, whatever was written', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9]{1,4}(\.[0-9]{1,4})?[a-zA-Z]{0,2}$/)), (written) => {
        for (const schema of [bytesQuantity('20Gi'), cpuQuantity()]) {
          if (accepts(schema)(written)) expect(quantityValue(written)).toBeGreaterThan(0);
        }
      }),
    );
  });
});
