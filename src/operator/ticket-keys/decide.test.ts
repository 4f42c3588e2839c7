import { describe, expect, it } from 'vitest';
import { decideTicketKeys, type ObservedTicketKey } from './decide.ts';

const TIMES = { periodSeconds: 1000, announceSeconds: 100, acceptedSeconds: 300 };
const NOW = 100_000;

const decide = (keys: readonly ObservedTicketKey[], now = NOW) => decideTicketKeys(keys, TIMES, now);

describe('ticket keys', () => {
  it('makes the first key so that it signs at once, also for a clock that is behind', () => {
    expect(decide([])).toMatchObject({ add: { notBefore: NOW - 100 }, drop: [] });
  });

  it('leaves a young key alone until its successor has to be announced', () => {
    expect(decide([{ kid: 'a', notBefore: NOW - 899 }])).toEqual({ drop: [], nextTime: NOW + 1 });
  });

  it('announces the successor before it signs, and lets the old key sign until that second', () => {
    expect(decide([{ kid: 'a', notBefore: NOW - 900 }])).toEqual({
      add: { notBefore: NOW + 100 },
      retire: { kid: 'a', at: NOW + 100 },
      drop: [],
      nextTime: NOW + 100,
    });
  });

  it('gives a late successor its full time of announcement', () => {
    expect(decide([{ kid: 'a', notBefore: NOW - 5000 }])).toMatchObject({ retire: { kid: 'a', at: NOW + 100 } });
  });

  it('does not make a second successor while the first is announced', () => {
    const keys = [
      { kid: 'a', notBefore: NOW - 950, retireAt: NOW + 50 },
      { kid: 'b', notBefore: NOW + 50 },
    ];
    expect(decide(keys)).toEqual({ drop: [], nextTime: NOW + 350 });
  });

  it('keeps a retired key as long as its last signature is accepted, and drops it then', () => {
    const keys = [
      { kid: 'a', notBefore: NOW - 5000, retireAt: NOW - 299 },
      { kid: 'b', notBefore: NOW - 299 },
    ];
    expect(decide(keys).drop).toEqual([]);
    expect(decide(keys, NOW + 1).drop).toEqual(['a']);
  });

  it('always has a key that signs, over a hundred periods', () => {
    let keys: ObservedTicketKey[] = [];
    let now = NOW;
    for (let step = 0; step < 500; step++) {
      const { add, retire, drop, nextTime } = decide(keys, now);
      keys = keys.filter(({ kid }) => !drop.includes(kid));
      keys = keys.map((key) => (key.kid === retire?.kid ? { ...key, retireAt: retire.at } : key));
      if (add) keys.push({ kid: `k${step}`, ...add });
      const signing = keys.filter(({ notBefore, retireAt = Infinity }) => notBefore <= now && now < retireAt);
      expect(signing).toHaveLength(1);
      expect(nextTime).toBeGreaterThan(now);
      now = nextTime;
    }
    expect(keys.length).toBeLessThanOrEqual(2);
  });
});
