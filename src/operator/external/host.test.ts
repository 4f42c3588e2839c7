import { describe, expect, it } from 'vitest';
import { type Fingerprint, parseIncarnation, parseRegistrationId } from '../../wire/index.ts';
import { SHOWN_FOR_MS } from '../registries/sessions.ts';
import { decideHost, type ObservedHost } from './host.ts';

const now = Date.parse('2026-11-21T08:00:00Z');
const keyOf = (letter: string): Fingerprint => `SHA256:${letter.repeat(43)}` as Fingerprint;
const registration = (letter: string, firstRegistrationTime: number) => ({
  registrationId: parseRegistrationId(letter),
  fingerprint: keyOf(letter),
  incarnation: parseIncarnation(keyOf(letter)),
  firstRegistrationTime,
  relays: 1,
});
const observed = (change: Partial<ObservedHost> = {}): ObservedHost => ({
  before: {},
  wasPresent: false,
  facts: { known: true, registrations: [] },
  changedAt: 0,
  now,
  ...change,
});

describe('the host of an External executor', () => {
  it('is absent before one has joined', () => {
    expect(decideHost(observed())).toMatchObject({ presence: 'absent', host: {}, event: undefined });
  });

  it('is an event when it joins, and none while it stays', () => {
    const facts = { known: true, registrations: [registration('a', now / 1000)] };
    const joined = decideHost(observed({ facts }));
    expect(joined).toMatchObject({
      presence: 'present',
      host: { fingerprint: keyOf('a'), registrationTime: '2026-11-21T08:00:00Z' },
      event: { reason: 'HostJoined' },
    });
    expect(decideHost(observed({ facts, before: joined.host })).event).toBeUndefined();
  });

  it('is the latest of several, and a change of key names both', () => {
    const facts = { known: true, registrations: [registration('b', 2), registration('a', 1)] };
    const { host, event } = decideHost(observed({ facts, before: { fingerprint: keyOf('a') } }));
    expect(host.fingerprint).toBe(keyOf('b'));
    expect(event).toMatchObject({ reason: 'HostKeyChanged', note: expect.stringContaining(keyOf('a')) });
  });

  it('is remembered when it leaves: the same key coming back is no change', () => {
    const before = { fingerprint: keyOf('a'), registrationTime: '2026-11-21T07:00:00Z' };
    expect(decideHost(observed({ before, wasPresent: true }))).toMatchObject({ presence: 'absent', host: before });
    const facts = { known: true, registrations: [registration('a', 1)] };
    expect(decideHost(observed({ before, facts })).event).toBeUndefined();
  });

  it('stays what it was for a minute when no registry can be asked, and is not known then', () => {
    const facts = { known: false, registrations: [] };
    const lost = observed({ facts, wasPresent: true, changedAt: now - 1_000 });
    const until = now - 1_000 + SHOWN_FOR_MS;
    expect(decideHost(lost)).toMatchObject({ presence: 'present', nextTime: until });
    expect(decideHost({ ...lost, now: until })).toMatchObject({ presence: 'unheard', nextTime: undefined });
  });
});
