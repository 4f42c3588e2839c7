import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aSession, fingerprint, harnessKey } from '../testing/builders.ts';
import { DETACHED_SESSION_MS, SessionTable } from './session-table.ts';

describe('SessionTable', () => {
  it('lets the same harness key resume under the same executor key, and nobody else', () => {
    const table = new SessionTable(8, [
      aSession({ sessionId: 's', harness: harnessKey(1), fingerprint: fingerprint(1) }),
    ]);
    expect(table.resumable('s', harnessKey(1), fingerprint(1))?.sessionId).toBe('s');
    expect(table.resumable('s', harnessKey(2), fingerprint(1))).toBeUndefined();
    expect(table.resumable('s', harnessKey(1), fingerprint(2))).toBeUndefined();
    expect(table.resumable('forged', harnessKey(1), fingerprint(1))).toBeUndefined();
  });

  it('keeps a detached session for 120 s, an attached one for ever', () => {
    const table = new SessionTable(8, [aSession({ sessionId: 'gone' }), aSession({ sessionId: 'here' })]);
    table.detach('gone', 1000);
    expect(table.nextExpiry()).toBe(1000 + DETACHED_SESSION_MS);
    expect(table.expire(1000 + DETACHED_SESSION_MS - 1)).toEqual([]);
    expect(table.expire(1000 + DETACHED_SESSION_MS).map(({ sessionId }) => sessionId)).toEqual(['gone']);
    expect(table.expire(Number.MAX_SAFE_INTEGER)).toEqual([]);
  });

  it('starts the 120 s of every session when the container starts again', () => {
    const table = new SessionTable(8, [aSession({ sessionId: 'a' }), aSession({ sessionId: 'b', detachedTime: 5 })]);
    table.detachAll(1000);
    expect(table.all().map(({ sessionId, detachedTime }) => [sessionId, detachedTime])).toEqual([
      ['a', 1000],
      ['b', 5],
    ]);
  });

  it('tells relays one line per harness key, of the attached session', () => {
    const table = new SessionTable(8);
    table.put(aSession({ sessionId: 'old', harness: harnessKey(1), registrationId: 'r-old' }));
    table.put(aSession({ sessionId: 'new', harness: harnessKey(1), registrationId: 'r-new' }));
    table.detach('new', 10);
    expect(table.entries()).toEqual([{ harness: harnessKey(1), registrationId: 'r-old' }]);
  });

  it('gives up the longest detached session of the identity that holds most', () => {
    const table = new SessionTable(4);
    table.put(aSession({ sessionId: 'modest', identity: 'a', detachedTime: 1 }));
    table.put(aSession({ sessionId: 'greedy-1', identity: 'b', detachedTime: 3 }));
    table.put(aSession({ sessionId: 'greedy-2', identity: 'b', detachedTime: 2 }));
    table.put(aSession({ sessionId: 'attached', identity: 'b' }));
    expect(table.put(aSession({ sessionId: 'one-more', identity: 'b' }))?.sessionId).toBe('greedy-2');
    expect(table.size).toBe(4);
  });

  it('never outgrows its limit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ id: fc.nat(40), identity: fc.constantFrom('a', 'b'), detach: fc.boolean() })),
        (steps) => {
          const table = new SessionTable(10);
          for (const { id, identity, detach } of steps) {
            table.put(aSession({ sessionId: `s${id}`, identity }));
            if (detach) table.detach(`s${id}`, id);
            expect(table.size).toBeLessThanOrEqual(10);
            expect(table.get(`s${id}`)).toBeDefined();
          }
        },
      ),
    );
  });

  it('remembers the last processes of a session, each once', () => {
    const table = new SessionTable(2, [aSession({ sessionId: 's' })]);
    for (let n = 0; n < 600; n += 1) table.started('s', `p${n}`);
    table.started('s', 'p599');
    expect(table.get('s')?.processIds.length).toBe(512);
    expect(table.get('s')?.processIds.at(-1)).toBe('p599');
  });
});
