import { describe, expect, it } from 'vitest';
import { type Deny, type DenyMatch, parseEnvironmentId, parseIncarnation } from '../../wire/index.ts';
import { aSession, fingerprint } from '../testing/builders.ts';
import { DenyBook, denyHits, denyReaches } from './deny-book.ts';

const SINCE = 1000;
const incarnation = parseIncarnation('pod-1');

function aDeny(match: DenyMatch, id = 'deny-1'): Deny {
  return { id, environmentId: parseEnvironmentId('team-a_build'), match, reason: 'revoked', since: SINCE, until: 9000 };
}

const subject = aSession({ identityHash: 'hash-1', grant: 'team-a/ci', fingerprint: fingerprint(1) });

describe('a deny', () => {
  it.each<[DenyMatch, boolean]>([
    [{ registrationId: subject.registrationId }, true],
    [{ fingerprint: fingerprint(1) }, true],
    [{ fingerprint: fingerprint(2) }, false],
    [{ incarnation }, true],
    [{ incarnation: parseIncarnation('pod-0') }, false],
    [{ identityHash: 'hash-1' }, true],
    [{ identityHash: 'hash-2' }, false],
    [{ identityHash: 'hash-1', grant: 'team-a/ci' }, true],
    [{ identityHash: 'hash-1', grant: 'team-a/other' }, false],
    [{ grant: 'team-a/ci' }, true],
    [{ grant: 'team-a/other' }, false],
  ])('for %j hits: %s', (match, hits) => expect(denyHits(aDeny(match), subject, incarnation)).toBe(hits));

  it('of a grant spares what a registry let in later, of a key it spares nothing', () => {
    const later = (SINCE + 61) * 1000;
    expect(denyReaches(aDeny({ grant: 'team-a/ci' }), SINCE * 1000)).toBe(true);
    expect(denyReaches(aDeny({ grant: 'team-a/ci' }), later)).toBe(false);
    expect(denyReaches(aDeny({ fingerprint: fingerprint(1) }), later)).toBe(true);
  });
});

describe('DenyBook', () => {
  it('counts a deny once, until it is taken back', () => {
    const book = new DenyBook();
    const deny = aDeny({ grant: 'team-a/ci' });
    expect([book.hear(deny), book.hear(deny)]).toEqual([true, false]);
    book.forget(deny.id);
    expect(book.hear(deny)).toBe(true);
  });

  it('knows what was denied while a validation was under way, and nothing older', () => {
    const book = new DenyBook();
    book.hear(aDeny({ grant: 'team-a/ci' }, 'old'));
    const mark = book.mark();
    expect(book.hitsSince(mark, subject)).toBe(false);
    book.hear(aDeny({ identityHash: 'hash-1' }, 'new'));
    expect(book.hitsSince(mark, subject)).toBe(true);
  });
});
