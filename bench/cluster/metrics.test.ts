import { describe, expect, it } from 'vitest';
import { samplesOf, sumOf } from './metrics.ts';

const TEXT = `# HELP apiserver_request_total Counter of requests.
apiserver_request_total{code="201",resource="pods",verb="POST"} 12
apiserver_request_total{code="200",resource="leases",verb="PUT",note="a \\"b\\", c"} 3e+02
apiserver_request_total_other{code="200"} 7
plain 4
`;

describe('samples of a metric', () => {
  it('are those of its very name, with labels and value', () => {
    const samples = samplesOf(TEXT, 'apiserver_request_total');
    expect(samples.map(({ labels }) => labels.resource)).toEqual(['pods', 'leases']);
    expect(samples[1]?.labels.note).toBe('a \\"b\\", c');
    expect(sumOf(samples)).toBe(312);
  });

  it('need no labels', () => {
    expect(samplesOf(TEXT, 'plain')).toEqual([{ name: 'plain', labels: {}, value: 4 }]);
    expect(samplesOf(TEXT, 'missing')).toEqual([]);
  });
});
