import { describe, expect, it } from 'vitest';
import { parseRegistrationId } from '../../wire/index.ts';
import { decideForwarding, type ProbedRelay, WITNESS_MS } from './forwarding.ts';

const NOW = 1_000_000;
const SUBJECT = 1;

const registrations = (names: string) => [...names].map(parseRegistrationId);

function aRelay(parts: Partial<Omit<ProbedRelay, 'unanswered'>> & { unanswered?: string } = {}): ProbedRelay {
  const { unanswered = '', ...rest } = parts;
  return {
    ...{ connection: SUBJECT, forwards: true, sidecars: 5, answeredAt: undefined },
    ...rest,
    unanswered: registrations(unanswered),
  };
}

const good = aRelay({ connection: 2, answeredAt: NOW - 1_000 });
const silent = aRelay({ connection: 3, unanswered: 'abc' });

describe('a relay', () => {
  it.each<[string, ProbedRelay, ProbedRelay[], boolean]>([
    ['forwards while nothing is known of it', aRelay(), [good], true],
    ['forwards after one unanswered probe', aRelay({ unanswered: 'a' }), [good], true],
    ['forwards after two', aRelay({ unanswered: 'ab' }), [good], true],
    ['does not after three of different registrations', aRelay({ unanswered: 'abc' }), [good], false],
    ['forwards while only one of its many registrations does not answer', aRelay({ unanswered: 'aaaa' }), [good], true],
    ['does not after three of the only one that it has', aRelay({ unanswered: 'aaa', sidecars: 1 }), [good], false],
    ['does not after three of the two that it has', aRelay({ unanswered: 'aba', sidecars: 2 }), [good], false],
    ['forwards, as far as anybody can tell, when it is alone', aRelay({ unanswered: 'abc' }), [], true],
    ['forwards while no other relay answers: the fault may be ours', aRelay({ unanswered: 'abc' }), [silent], true],
    [
      'forwards while the other answered too long ago',
      aRelay({ unanswered: 'abc' }),
      [{ ...good, answeredAt: NOW - WITNESS_MS }],
      true,
    ],
    [
      'forwards while the last probe of the other was not answered',
      aRelay({ unanswered: 'abc' }),
      [{ ...good, unanswered: registrations('x') }],
      true,
    ],
    ['stays out while nothing changes', aRelay({ forwards: false, unanswered: 'abc' }), [good], false],
    ['stays out when the other falls silent too', aRelay({ forwards: false, unanswered: 'abcde' }), [silent], false],
    ['is back after one answer', aRelay({ forwards: false, answeredAt: NOW }), [good], true],
    [
      'is back when its last sidecar left: nothing else could bring it back',
      aRelay({ forwards: false, unanswered: 'abc', sidecars: 0 }),
      [good],
      true,
    ],
  ])('%s', (_sentence, relay, others, forwards) => {
    expect(decideForwarding([...others, relay], NOW).get(SUBJECT)).toBe(forwards);
  });

  it('is never taken out together with all others', () => {
    const all = [1, 2, 3].map((connection) => aRelay({ connection, unanswered: 'abc' }));
    expect([...decideForwarding(all, NOW).values()]).toEqual([true, true, true]);
  });
});
