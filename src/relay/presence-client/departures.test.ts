import { describe, expect, it } from 'vitest';
import { parseRegistrationId } from '../../wire/index.ts';
import { Departures } from './departures.ts';

const GONE = parseRegistrationId('registration-1');
const [FIRST, SECOND] = [{}, {}];

describe('a registration that left', () => {
  it('is known to be gone when the last registry has acknowledged it, once', () => {
    const departures = new Departures();
    departures.left(GONE, [FIRST, SECOND], 0);
    expect(departures.acknowledged(GONE, FIRST)).toBe(false);
    expect(departures.acknowledged(GONE, FIRST)).toBe(false);
    expect(departures.acknowledged(GONE, SECOND)).toBe(true);
    expect(departures.acknowledged(GONE, SECOND)).toBe(false);
  });

  it('that came back and left again is known to be gone after the second word', () => {
    const departures = new Departures();
    departures.left(GONE, [FIRST], 0);
    departures.left(GONE, [FIRST], 1);
    expect(departures.acknowledged(GONE, FIRST)).toBe(false);
    expect(departures.acknowledged(GONE, FIRST)).toBe(true);
  });

  it('is not known to be gone when a registry was lost, nobody was told, or the word comes late', () => {
    const departures = new Departures();
    departures.left(GONE, [FIRST, SECOND], 0);
    departures.lost(SECOND);
    expect(departures.acknowledged(GONE, FIRST)).toBe(false);
    departures.left(GONE, [], 0);
    expect(departures.acknowledged(GONE, FIRST)).toBe(false);
    departures.left(GONE, [FIRST], 0);
    departures.left(parseRegistrationId('registration-2'), [FIRST], 10_000);
    expect(departures.acknowledged(GONE, FIRST)).toBe(false);
  });
});
