import { describe, expect, it } from 'vitest';
import type { KeyStatus } from '../../api/index.ts';
import { decideKeys, type ObservedKey } from './decide.ts';

const NOW = Date.parse('2026-11-21T08:00:00Z');
const TIME = '2026-11-21T08:00:00Z';
const fingerprint = (letter: string) => `SHA256:${letter.repeat(43)}`;
const stored = (id: string, letter = 'a'): ObservedKey => ({ id, fingerprint: fingerprint(letter) });
const record = (id: string, state: KeyStatus['state'], letter?: string): KeyStatus => ({
  id,
  state,
  trigger: 'Initial',
  creationTime: '2026-01-01T00:00:00Z',
  ...(letter !== undefined && { fingerprint: fingerprint(letter) }),
});
const decide = (records: KeyStatus[], keys: ObservedKey[], serving = false) =>
  decideKeys({ records, stored: keys, serving }, NOW);

describe('the key of an executor', () => {
  it('is recorded before it is made', () => {
    expect(decide([], [])).toEqual({
      type: 'record',
      records: [{ id: 'k1', state: 'Pending', trigger: 'Initial', creationTime: TIME }],
    });
    expect(decide([record('k1', 'Pending')], [])).toEqual({ type: 'create', id: 'k1' });
  });

  it('is prepared once it is in the store, with its fingerprint', () => {
    const decision = decide([record('k1', 'Pending')], [stored('k1')]);
    expect(decision).toMatchObject({
      type: 'record',
      records: [{ id: 'k1', state: 'Prepared', fingerprint: fingerprint('a'), preparationTime: TIME }],
    });
  });

  it('is active only when it serves', () => {
    expect(decide([record('k1', 'Prepared', 'a')], [stored('k1')])).toMatchObject({ type: 'nothing' });
    expect(decide([record('k1', 'Prepared', 'a')], [stored('k1')], true)).toMatchObject({
      type: 'record',
      records: [{ state: 'Active', activationTime: TIME }],
    });
    expect(decide([record('k1', 'Active', 'a')], [stored('k1')])).toMatchObject({
      type: 'nothing',
      live: { id: 'k1' },
    });
  });

  it('is adopted when a crash lost the record of it, never made twice', () => {
    expect(decide([], [stored('k1')])).toMatchObject({ type: 'record', records: [{ id: 'k1', state: 'Prepared' }] });
  });

  it('is revoked when it is lost, and the next has another number', () => {
    const lost = decide([record('k1', 'Active', 'a')], []);
    expect(lost).toMatchObject({
      type: 'record',
      records: [
        { id: 'k1', state: 'Revoked', revocationTime: TIME },
        { id: 'k2', state: 'Pending' },
      ],
    });
  });

  it('is not replaced when somebody put another one in its place', () => {
    expect(decide([record('k1', 'Active', 'a')], [stored('k1', 'b')])).toEqual({ type: 'mismatch', id: 'k1' });
  });

  it('is made in the end wherever a crash comes between', () => {
    let records: KeyStatus[] = [];
    const keys: ObservedKey[] = [];
    for (let step = 0; step < 10; step++) {
      const decision = decide(records, keys, true);
      if (decision.type === 'record') records = [...decision.records];
      if (decision.type === 'create') keys.push(stored(decision.id));
      if (decision.type === 'nothing') break;
      // The same once more, as after a crash that lost nothing or everything of this step.
      expect(['record', 'create', 'nothing']).toContain(decide(records, keys, true).type);
    }
    expect(records).toMatchObject([{ id: 'k1', state: 'Active' }]);
    expect(keys).toHaveLength(1);
  });
});
