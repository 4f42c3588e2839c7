import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../telemetry/index.ts';
import { executors, type ServedExecutor } from '../own-kinds.ts';
import { keyGauges } from './key-metrics.ts';

const START = Date.parse('2026-11-21T08:00:00Z');
const at = (hours: number) => new Date(START + hours * 3_600_000).toISOString().replace('.000', '');
const key = (id: string, state: string, more: object = {}) => ({
  id,
  state,
  trigger: 'Initial',
  creationTime: at(0),
  fingerprint: `SHA256:${id.padEnd(43, 'x')}`,
  ...more,
});

function executor(name: string, status: object): ServedExecutor {
  const metadata = {
    namespace: 'team-a',
    name,
    uid: name,
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: at(0),
  };
  const spec = { relayRef: { namespace: 'agents', name: 'main' } };
  return executors.parse({ apiVersion: 'noisefleet.dev/v1alpha1', kind: 'Executor', metadata, ...{ spec, status } });
}

async function scraped(all: readonly ServedExecutor[]): Promise<string> {
  const metrics = createMetrics({ component: 'operator', version: '0' });
  keyGauges(metrics, { get: () => undefined, list: () => all });
  return metrics.text();
}

describe('the numbers about keys', () => {
  it('are counted from what status says at the moment of the question', async () => {
    const due = { type: 'RotationDue', status: 'True', reason: 'OverlapFull', message: 'm', lastTransitionTime: at(0) };
    const uncut = { acknowledged: 0, expected: 1, missing: ['sidecar'] };
    const text = await scraped([
      executor('one', {
        keys: [key('k1', 'Retiring'), key('k2', 'Active', { activationTime: at(1) })],
        nextRotationTime: at(50),
        conditions: [due],
      }),
      executor('two', {
        keys: [key('k1', 'Revoked', { cut: uncut }), key('k2', 'Active', { activationTime: at(2) })],
        nextRotationTime: at(40),
      }),
    ]);
    expect(text).toContain('noisefleet_keys{state="Active"} 2');
    expect(text).toContain('noisefleet_keys{state="Retiring"} 1');
    expect(text).toContain('noisefleet_key_conditions{type="RotationDue"} 1');
    expect(text).toContain('noisefleet_key_conditions{type="RotationFailed"} 0');
    expect(text).toContain(`noisefleet_key_oldest_activation_timestamp_seconds ${Date.parse(at(1)) / 1000}`);
    expect(text).toContain(`noisefleet_key_next_rotation_timestamp_seconds ${Date.parse(at(40)) / 1000}`);
    expect(text).toContain('noisefleet_key_revocations_incomplete 1');
  });

  it('are zero without executors, and name none', async () => {
    expect(await scraped([])).toContain('noisefleet_key_oldest_activation_timestamp_seconds 0');
    expect(await scraped([executor('secret-project', {})])).not.toContain('secret-project');
  });
});
