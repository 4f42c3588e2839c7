import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../telemetry/index.ts';
import { DEFAULT_LIMITS, meteredLimits } from './limits.ts';

describe('limits that one can see', () => {
  it('count what they refuse, each by its name', async () => {
    const metrics = createMetrics({ component: 'registry', version: 'test' });
    const limits = meteredLimits({ ...DEFAULT_LIMITS, connect: { perSecond: 1, burst: 2 } }, metrics);

    for (let call = 0; call < 5; call += 1) limits.connect.take('sa:team-a/dev', 0);
    limits.validate.take('team-a_build', 0);
    limits.penalised();

    const text = await metrics.text();
    expect(text).toContain('noisefleet_registry_limited_total{limit="connects"} 3\n');
    expect(text).toContain('noisefleet_registry_limited_total{limit="failed_handshakes"} 1\n');
    expect(text).not.toContain('noisefleet_registry_limited_total{limit="validations"}');
  });

  it('tell their values', async () => {
    const metrics = createMetrics({ component: 'registry', version: 'test' });
    meteredLimits(DEFAULT_LIMITS, metrics);
    const text = await metrics.text();
    expect(text).toContain('noisefleet_registry_limit_per_second{limit="connects"} 100\n');
    expect(text).toContain('noisefleet_registry_limit_burst{limit="validations"} 1000\n');
  });
});
