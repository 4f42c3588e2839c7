import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nearestName } from './nearest.ts';

it.each([
  ['runtme', 'runtime'],
  ['Runtime', 'runtime'],
  ['sandobx', 'sandbox'],
  ['keyz', 'keys'],
  ['banana', undefined],
  ['x'.repeat(10_000), undefined],
])('for %s proposes %s', (word, expected) => {
  expect(nearestName(word, ['runtime', 'sandbox', 'keys'])).toBe(expected);
});

it('proposes only known names, and the word itself when it is known', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 5 }), fc.string({ maxLength: 20 }), (known, word) => {
      const near = nearestName(word, known);
      if (near !== undefined) expect(known).toContain(near);
      if (known.includes(word)) expect(near?.toLowerCase()).toBe(word.toLowerCase());
    }),
  );
});
