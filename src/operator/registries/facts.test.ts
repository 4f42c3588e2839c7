import { describe, expect, it } from 'vitest';
import { type EnvironmentReport, parseEnvironmentId, parseIncarnation, parseRegistrationId } from '../../wire/index.ts';
import { combine, type ReplicaView } from './facts.ts';

const environmentId = parseEnvironmentId('team-a_build');
const incarnation = parseIncarnation('uid-1');
const report = (change: Partial<EnvironmentReport> = {}): EnvironmentReport => ({
  environmentId,
  incarnation,
  registrations: [],
  denies: [],
  ...change,
});
const view = (change: Partial<EnvironmentReport> = {}, complete = true): ReplicaView => ({
  name: 'registry-1',
  complete,
  report: report(change),
});
const registration = (id: string, firstRegistrationTime: number, relays = 1) => ({
  registrationId: parseRegistrationId(id),
  fingerprint: `SHA256:${'a'.repeat(43)}` as EnvironmentReport['registrations'][number]['fingerprint'],
  incarnation,
  firstRegistrationTime,
  relays,
});

describe('what registries say together', () => {
  it('is nothing when there is no registry: unknown is not zero', () => {
    expect(combine([], 'uid-1')).toMatchObject({ known: false, sessions: undefined, idle: false, registrations: [] });
  });

  it('counts the sessions that one of them knows of', () => {
    expect(combine([view({ sessions: 0 }), view({ sessions: 2 })], 'uid-1')).toMatchObject({
      sessions: 2,
      idle: false,
    });
  });

  it.each([
    ['one says so and another was not heard yet', [view({ sessions: 0 }), view({}, false)]],
    [
      'one says so and another cannot tell',
      [view({ sessions: 0 }), { name: 'registry-2', complete: true, report: undefined }],
    ],
    ['what is said is of an earlier pod', [view({ sessions: 0, incarnation: parseIncarnation('uid-0') })]],
    ['nobody has said how many', [view()]],
    ['a relay has not reported yet', [view({ sessions: 0 }, false)]],
  ])('is not idle when %s', (_, views) => {
    expect(combine(views, 'uid-1').idle).toBe(false);
  });

  it('is idle when every ready registry was heard and all that know say zero', () => {
    expect(combine([view({ sessions: 0 }), view()], 'uid-1')).toMatchObject({ sessions: 0, idle: true });
  });

  it('tells activity in steps, so that a busy session is not a write with every request', () => {
    expect(
      combine([view({ sessions: 1, lastActivity: 1_000 }), view({ lastActivity: 1_199 })], 'uid-1').lastActivity,
    ).toBe(900);
  });

  it('has each registration once, the latest first', () => {
    const old = registration('r1', 100, 1);
    const both = [
      view({ registrations: [old, registration('r2', 200)] }),
      view({ registrations: [{ ...old, relays: 2 }] }),
    ];
    expect(combine(both, 'uid-1').registrations).toMatchObject([
      { registrationId: 'r2' },
      { registrationId: 'r1', relays: 2 },
    ]);
  });
});
