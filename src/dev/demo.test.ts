import { expect, it } from 'vitest';
import { sumOf } from './demo.ts';

it('adds up one metric over its labels and no other', () => {
  const metrics = `# HELP relay_frames_total Frames.
# TYPE relay_frames_total counter
relay_frames_total{direction="to executor"} 4
relay_frames_total{direction="to harness"} 5
relay_frames_total_other 100
relay_bytes_total 1.5e3
`;
  expect(sumOf(metrics, 'relay_frames_total')).toBe(9);
  expect(sumOf(metrics, 'relay_bytes_total')).toBe(1500);
  expect(sumOf(metrics, 'relay_nothing_total')).toBe(0);
});
