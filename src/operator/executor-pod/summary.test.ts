import { describe, expect, it } from 'vitest';
import { READY } from '../../api/index.ts';
import { type ObservedSummary, summarise } from './summary.ts';

const pending: ObservedSummary = {
  operatingMode: 'Running',
  stall: undefined,
  accepted: true,
  relayKnown: true,
  keys: { type: 'ready', message: 'A key is in the Secret.' },
  pod: undefined,
  view: undefined,
  wasRegistered: false,
};

describe('the conditions of an Executor', () => {
  it.each<[string, Partial<ObservedSummary>]>([
    ['whose pod is being made', {}],
    ['that is suspended', { operatingMode: 'Suspended' }],
    ['whose Relay has no addresses', { relayKnown: false }],
    ['whose key is being made', { keys: { type: 'pending', message: 'The first key is being made.' } }],
  ])('begin with Ready and name each type once: one %s', (_, difference) => {
    const types = summarise({ ...pending, ...difference }).map(({ type }) => type);
    expect(types[0]).toBe(READY);
    expect(new Set(types).size).toBe(types.length);
  });
});
