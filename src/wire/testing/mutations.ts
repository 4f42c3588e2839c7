import fc from 'fast-check';
import { expect } from 'vitest';
import { WireError } from '../errors.ts';

/** How many broken inputs each parser is shown. */
export const MUTATIONS = 10_000;

type Edit = { at: number; byte: number; how: 'flip' | 'insert' | 'remove' | 'cut' | 'repeat' };

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(),
  byte: fc.integer({ min: 0, max: 255 }),
  how: fc.constantFrom('flip', 'insert', 'remove', 'cut', 'repeat'),
});

/** One of the samples after one to four small accidents, or bytes that were never anything. */
export function brokenBytes(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const broken = fc
    .tuple(fc.constantFrom(...samples), fc.array(edit, { minLength: 1, maxLength: 4 }))
    .map(([sample, edits]) => edits.reduce(applyEdit, sample));
  return fc.oneof({ weight: 9, arbitrary: broken }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) });
}

function applyEdit(bytes: Uint8Array, { at, byte, how }: Edit): Uint8Array {
  const position = bytes.length === 0 ? 0 : at % bytes.length;
  const [before, after] = [bytes.subarray(0, position), bytes.subarray(position)];
  switch (how) {
    case 'flip':
      return Buffer.concat([before, Uint8Array.of((after[0] ?? 0) ^ (byte || 1)), after.subarray(1)]);
    case 'insert':
      return Buffer.concat([before, Uint8Array.of(byte), after]);
    case 'remove':
      return Buffer.concat([before, after.subarray(1)]);
    case 'cut':
      return before;
    case 'repeat':
      return Buffer.concat([before, after, after]);
  }
}

/** Holds that a parser meets broken input with a value or an error of the expected class, and with nothing else. */
export function expectOnlyItsErrors(
  parse: (bytes: Uint8Array) => unknown,
  samples: readonly Uint8Array[],
  errorClass: new (...rest: never[]) => Error = WireError,
): void {
  fc.assert(
    fc.property(brokenBytes(samples), (bytes) => {
      try {
        parse(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(errorClass);
      }
    }),
    { numRuns: MUTATIONS },
  );
}
