import { expect, it } from 'vitest';
import { hybridIK, IK, messageOverheads } from './pattern.ts';

it.each([
  { pattern: hybridIK, overheads: [3568, 3424], source: 'contract §5.3' },
  { pattern: IK, overheads: [96, 48], source: 'Noise §7.5' },
])('knows what each message of $pattern.name adds to its payload ($source)', ({ pattern, overheads }) => {
  expect(messageOverheads(pattern)).toEqual(overheads);
});
