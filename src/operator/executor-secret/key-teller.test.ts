import { describe, expect, it } from 'vitest';
import type { KeysRecord } from '../../keys/index.ts';
import { active, key, observe } from '../../keys/testing/cases.ts';
import type { Occurrence } from '../../kube/index.ts';
import { createLogger, createMetrics } from '../../telemetry/index.ts';
import { executors } from '../own-kinds.ts';
import { keyMetrics } from './key-metrics.ts';
import { KeyTeller } from './key-teller.ts';

const executor = executors.parse({
  apiVersion: 'noisefleet.dev/v1alpha1',
  kind: 'Executor',
  metadata: {
    namespace: 'team-a',
    name: 'build',
    uid: 'uid-1',
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: '2026-11-21T08:00:00Z',
  },
  ...{ spec: { relayRef: { namespace: 'agents', name: 'main' } } },
});

function telling() {
  const lines: Record<string, unknown>[] = [];
  const events: Occurrence[] = [];
  const metrics = createMetrics({ component: 'operator', version: '0' });
  const log = createLogger({ component: 'operator', destination: { write: (line) => lines.push(JSON.parse(line)) } });
  const world = { log, events: { record: (_: unknown, event: Occurrence) => events.push(event) } };
  return { lines, events, metrics, world, teller: new KeyTeller(keyMetrics(metrics)) };
}

const recordOf = (keys: KeysRecord['keys'], failures: KeysRecord['failures'] = []): KeysRecord => {
  return { ...observe({ keys }).record, failures };
};

describe('what becomes of keys', () => {
  it('is an event, a line and a number each, with ids and fingerprints', async () => {
    const { lines, events, metrics, world, teller } = telling();
    const asked = { trigger: 'Annotation', requestedBy: 'jane', requester: 'Verified', reason: 'CHG-1' } as const;
    const before = recordOf([active, key('k2', 'Prepared', asked)]);
    const after = recordOf([{ ...active, state: 'Retiring' }, key('k2', 'Active', asked)]);
    teller.recorded(world, executor, before, after);
    expect(events.map(({ reason }) => reason)).toEqual(['KeyRotated']);
    expect(lines).toHaveLength(1);
    const { level: _level, time: _time, ...line } = lines[0] ?? {};
    expect(line).toEqual({
      component: 'operator',
      namespace: 'team-a',
      executor: 'build',
      key: 'k2',
      fingerprint: 'SHA256:k2',
      previous: 'k1',
      trigger: 'Annotation',
      requestedBy: 'jane',
      requester: 'Verified',
      reason: 'CHG-1',
      msg: 'key activated',
    });
    expect(await metrics.text()).toContain('noisefleet_key_changes_total{change="activated",trigger="Annotation"} 1');
  });

  it('is counted when it fails, once for each try', async () => {
    const { metrics, world, teller } = telling();
    const failure = {
      dependency: 'Store',
      code: 'sealed',
      message: 'm',
      failures: 1,
      sinceTime: '2026-11-21T08:00:00Z',
      retryTime: '2026-11-21T08:00:01Z',
    } as const;
    const [none, first, second] = [
      recordOf([active]),
      recordOf([active], [failure]),
      recordOf([active], [{ ...failure, failures: 2 }]),
    ];
    teller.recorded(world, executor, none, first);
    teller.recorded(world, executor, first, first);
    teller.recorded(world, executor, first, second);
    teller.recorded(world, executor, second, none);
    expect(await metrics.text()).toContain('noisefleet_key_failures_total{dependency="Store",code="sealed"} 2');
  });

  it('is told when somebody changed it, by whoever put it right', async () => {
    const { lines, events, metrics, world, teller } = telling();
    const done = { record: recordOf([active]), known: ['k1'] };
    teller.done(world, executor, { ...done, effect: { type: 'deliver', id: 'k1', fingerprint: 'SHA256:k1' } });
    teller.done(world, executor, { ...done, effect: { type: 'poke', value: 'k1' } });
    expect(events.map(({ reason }) => reason)).toEqual(['KeyRestored']);
    expect(lines).toMatchObject([{ level: 'warn', key: 'k1', effect: 'deliver', msg: 'key drift mended' }]);
    expect(await metrics.text()).toContain('noisefleet_key_drift_total{reason="KeyRestored"} 1');
  });
});
