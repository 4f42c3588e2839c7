import { describe, expect, it } from 'vitest';
import { CERTIFICATES_READY, READY, REASONS, RECONCILING, TICKET_KEYS_READY } from '../../api/index.ts';
import type { Deployment } from '../../kube/index.ts';
import { decideRelay, type ObservedRelay, type Replicas, replicasOf } from './decide.ts';

const all = (count: number): Replicas => ({
  wanted: count,
  current: count,
  ready: count,
  terminating: 0,
  upToDate: true,
  failure: undefined,
});

function observed(change: Partial<ObservedRelay> = {}): ObservedRelay {
  const valid = { type: CERTIFICATES_READY, status: 'True', reason: REASONS.CertificatesValid, message: '' } as const;
  return {
    relays: all(2),
    registries: all(2),
    certificates: { finding: valid, ended: false },
    ticketKeys: { type: TICKET_KEYS_READY, status: 'True', reason: REASONS.TicketKeysLoaded, message: '' },
    wasReady: true,
    ...change,
  };
}

function found(type: string, change: Partial<ObservedRelay>) {
  const finding = decideRelay(observed(change)).find((each) => each.type === type);
  return finding && [finding.status, finding.reason, finding.message];
}

describe('a Relay', () => {
  it('is ready when every replica is, and says nothing of changes', () => {
    const ready = ['True', 'Available', '2 of 2 relays are ready. 2 of 2 registries are ready.'];
    expect(found(READY, { wasReady: false })).toEqual(ready);
    expect(found(RECONCILING, {})).toBeUndefined();
  });

  it('that starts is not ready before every replica is', () => {
    const relays = { ...all(2), ready: 1 };
    expect(found(READY, { relays, wasReady: false })).toEqual(['Unknown', 'RollingOut', '1 of 2 relays are ready.']);
  });

  it.each([
    ['a rolling update', { ...all(2), upToDate: false, terminating: 1 }, '2 of 2 relays are ready, 1 on the way out.'],
    ['one more replica', { ...all(2), wanted: 3, upToDate: false }, '2 of 3 relays are ready.'],
    ['a node that is drained', { ...all(2), ready: 1 }, '1 of 2 relays are ready.'],
  ])('stays ready during %s, and tells of it', (_what, relays, told) => {
    expect(found(READY, { relays })?.[0]).toBe('True');
    expect(found(RECONCILING, { relays })).toEqual(['True', 'RollingOut', told]);
    expect(found('RelaysReady', { relays })).toEqual(['Unknown', 'RollingOut', told]);
  });

  it('has nothing more to change while the last of its replicas let their sessions move', () => {
    const relays = { ...all(2), terminating: 1 };
    expect(found(RECONCILING, { relays })).toBeUndefined();
    expect(found('RelaysReady', { relays })?.[2]).toBe('2 of 2 relays are ready, 1 on the way out.');
  });

  it.each(['relays', 'registries'] as const)('is no longer ready without %s', (part) => {
    expect(found(READY, { [part]: { ...all(2), ready: 0 } })?.slice(0, 2)).toEqual(['Unknown', 'RollingOut']);
  });

  it('is not ready when its replicas do not become ready in time', () => {
    const relays = { ...all(2), ready: 1, upToDate: false, failure: 'no progress' };
    expect(found(READY, { relays })).toEqual(['False', 'ReplicasUnavailable', '1 of 2 relays are ready: no progress']);
    expect(found(RECONCILING, { relays })).toBeUndefined();
  });
});

describe('the replicas of a Deployment', () => {
  const deployment = (status: object): Deployment => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'relay', namespace: 'agents', uid: 'u', resourceVersion: '1', generation: 2 },
    spec: { replicas: 2, selector: {}, template: {} },
    status,
  });

  it('are up to date once the controller has seen the spec and every one is of it', () => {
    const rolled = { replicas: 2, readyReplicas: 2, updatedReplicas: 2 };
    expect(replicasOf(deployment({ ...rolled, observedGeneration: 2 })).upToDate).toBe(true);
    expect(replicasOf(deployment({ ...rolled, observedGeneration: 1 })).upToDate).toBe(false);
    expect(replicasOf(deployment({ ...rolled, observedGeneration: 2, updatedReplicas: 1 })).upToDate).toBe(false);
  });

  it('that end are counted apart, where the controller tells of them', () => {
    const status = { replicas: 2, readyReplicas: 2, terminatingReplicas: 1 };
    expect(replicasOf(deployment(status))).toMatchObject({ current: 2, terminating: 1 });
    expect(replicasOf(deployment({})).terminating).toBe(0);
  });
});
