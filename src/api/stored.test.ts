import { describe, expect, it } from 'vitest';
import { readExecutor, readExecutorGrant, readRelay, UnreadableResource } from './stored.ts';

const object = (kind: string, spec: object, more: object = {}) => ({
  apiVersion: 'noisefleet.dev/v1alpha1',
  kind,
  metadata: {
    name: 'build',
    namespace: 'team-a',
    uid: 'u1',
    resourceVersion: '7',
    generation: 2,
    creationTimestamp: '2026-11-21T08:00:00Z',
    managedFields: [{ manager: 'kubectl' }],
  },
  spec,
  ...more,
});

describe('objects as the API server returns them', () => {
  it('read as if everything had been written down, before anything has a status', () => {
    const executor = readExecutor(object('Executor', { relayRef: { name: 'main' } }));
    expect(executor.metadata).toMatchObject({ uid: 'u1', labels: {}, annotations: {}, finalizers: [] });
    expect(executor.spec.keys.rotation.period).toBe('2160h');
    expect(executor.status).toEqual({
      conditions: [],
      keys: [],
      formerKeys: [],
      handledRotationRequests: [],
      keyFailures: [],
    });
    expect(readRelay(object('Relay', {})).status).toEqual({
      addresses: [],
      certificates: [],
      conditions: [],
      ticketKeys: [],
    });
    expect(
      readExecutorGrant(object('ExecutorGrant', { subjects: [{ kind: 'ServiceAccount', name: 'x' }] })),
    ).toMatchObject({
      spec: { subjects: [{ apiGroup: '', kind: 'ServiceAccount', name: 'x' }] },
      status: { conditions: [] },
    });
  });

  it('lose the fields of a newer schema, at every depth, and keep the rest', () => {
    const source = object(
      'Executor',
      {
        relayRef: { name: 'main', weight: 3 },
        runtime: { type: 'Codex', codex: { image: 'codex:1', newer: { newest: 1 } } },
        newer: true,
      },
      { status: { environmentID: 'team-a_build', newer: [1] } },
    );
    const { spec, status } = readExecutor(source);
    expect(spec.relayRef).toEqual({ name: 'main' });
    expect(spec.runtime).toEqual({ type: 'Codex', codex: { image: 'codex:1' } });
    expect(status.environmentID).toBe('team-a_build');
    expect(source.spec).toHaveProperty('newer', true);
  });

  it('are refused with the field when a value is one that this version does not know', () => {
    const read = () => readExecutor(object('Executor', { relayRef: { name: 'main' }, updatePolicy: 'AtNight' }));
    expect(read).toThrow(UnreadableResource);
    expect(read).toThrow(
      'Executor team-a/build cannot be read: spec.updatePolicy: must be one of WhenIdle, Immediate, OnDelete',
    );
    expect(() => readExecutor('nothing')).toThrow('an object without kind and name cannot be read');
  });
});
