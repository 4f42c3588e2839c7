import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { creationDone, decideRotation, MAX_LIVE_KEYS, NEW_ROTATION_STATE, type RotationInput } from './rotation.ts';

const HOUR = 3_600_000;
const settled = { ...NEW_ROTATION_STATE, highest: 1, lastCreated: 1000, handled: ['a'] };

const input = (over: Partial<RotationInput>): RotationInput => ({
  state: settled,
  named: over.present ?? ['k1'],
  present: ['k1'],
  requested: 'a',
  period: 2160 * HOUR,
  overlap: HOUR,
  now: 5000,
  ...over,
});

describe('key rotation', () => {
  it('makes k1 for a new executor and counts the annotation that is there already as done', () => {
    const { state, create } = decideRotation(input({ state: NEW_ROTATION_STATE, present: [] }));
    expect(create).toEqual({ id: 'k1', trigger: 'First' });
    expect(state).toEqual({ highest: 1, lastCreated: 5000, handled: ['a'], removals: [], creating: 'k1' });
  });

  it('does nothing while nothing is asked for', () => {
    expect(decideRotation(input({}))).toEqual({ state: settled, remove: [] });
  });

  it('makes the next key for a new annotation value, and lets the old one go after the overlap', () => {
    const { state, create, remove } = decideRotation(input({ requested: 'b' }));
    expect(create).toEqual({ id: 'k2', trigger: 'Annotation' });
    expect(remove).toEqual([]);
    expect(state).toMatchObject({ handled: ['b', 'a'], removals: [{ id: 'k1', at: 5000 + HOUR }] });
  });

  it('does not take a value again that it handled before, nor the removal of the annotation', () => {
    const state = { ...settled, handled: ['b', 'a'] };
    const { requested: _none, ...without } = input({ state });
    expect(decideRotation(input({ state, requested: 'a' })).create).toBeUndefined();
    expect(decideRotation(without).create).toBeUndefined();
  });

  it('removes an old key when its overlap is over, at the stored time and not before', () => {
    const state = { ...settled, highest: 2, removals: [{ id: 'k1', at: 9000 }] };
    const present = ['k1', 'k2'];
    expect(decideRotation(input({ state, present, now: 8999 })).remove).toEqual([]);
    expect(decideRotation(input({ state, present, now: 9000 }))).toEqual({
      state: { ...state, removals: [] },
      remove: ['k1'],
    });
  });

  it('rotates by the schedule, once, counted from the newest key', () => {
    const due = input({ now: 1000 + 2160 * HOUR });
    const { create, state } = decideRotation(due);
    expect(create).toEqual({ id: 'k2', trigger: 'Schedule' });
    expect(
      decideRotation({ ...due, state: creationDone(state), named: ['k1', 'k2'], present: ['k1', 'k2'] }).create,
    ).toBeUndefined();
  });

  it('waits with OverlapFull while three keys are live, and goes on when one has left', () => {
    const state = {
      ...settled,
      highest: 3,
      removals: [
        { id: 'k1', at: 9000 },
        { id: 'k2', at: 9500 },
      ],
    };
    const full = input({ state, present: ['k1', 'k2', 'k3'], requested: 'd' });
    expect(decideRotation(full)).toEqual({ state, remove: [], waiting: 'OverlapFull' });
    expect(decideRotation({ ...full, now: 9000 })).toMatchObject({ remove: ['k1'], create: { id: 'k4' } });
  });

  it('follows key files that people add and remove, and never uses their numbers again', () => {
    const { state } = decideRotation(input({ present: ['k1', 'k7'] }));
    expect(state.highest).toBe(7);
    expect(decideRotation(input({ state, present: ['k1'], requested: 'b' })).create?.id).toBe('k8');
  });

  it('makes a key in place of one whose file cannot be read, under the next number', () => {
    expect(decideRotation(input({ named: ['k1'], present: [] })).create).toEqual({ id: 'k2', trigger: 'First' });
  });

  it('finishes a creation that a crash cut off, before and after the file was made', () => {
    const state = { ...settled, highest: 2, creating: 'k2' };
    expect(decideRotation(input({ state })).create?.id).toBe('k2');
    const after = decideRotation(input({ state, present: ['k1', 'k2'] }));
    expect(after.create).toBeUndefined();
    expect(after.state.creating).toBeUndefined();
  });

  it('keeps an executor with at least one key and at most three, whatever happens when', () => {
    const step = fc.record({
      requested: fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { nil: undefined }),
      elapsed: fc.nat(3 * HOUR),
      crash: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.constantFrom(0, HOUR), (steps, overlap) => {
        let state = NEW_ROTATION_STATE;
        let files: string[] = [];
        let now = 1000;
        const made: string[] = [];
        for (const { requested, elapsed, crash } of steps) {
          now += elapsed;
          const decision = decideRotation({
            state,
            named: files,
            present: files,
            period: 50 * HOUR,
            overlap,
            now,
            ...(requested !== undefined && { requested }),
          });
          state = decision.state;
          files = files.filter((id) => !decision.remove.includes(id));
          if (decision.create !== undefined && !crash) {
            made.push(decision.create.id);
            files.push(decision.create.id);
            state = creationDone(state);
          }
          if (made.length > 0) expect(files.length).toBeGreaterThanOrEqual(1);
          expect(files.length).toBeLessThanOrEqual(MAX_LIVE_KEYS);
        }
        expect(new Set(made).size).toBe(made.length);
      }),
    );
  });
});
