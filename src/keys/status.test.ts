import { expect, it } from 'vitest';
import type { KeyRecord, KeysRecord } from './machine/record.ts';
import { recordOf, statusOf } from './status.ts';

const time = '2026-11-30T00:00:00Z';
const key = (number: number, state: KeyRecord['state']): KeyRecord => {
  return { id: `k${number}`, state, trigger: 'Initial', creationTime: time };
};
const cut = { acknowledged: 1, expected: 2, missing: ['relay a'], completionTime: time };

it('comes back from status as it went in', () => {
  const record: KeysRecord = {
    keys: [
      key(1, 'Destroyed'),
      { ...key(2, 'Revoked'), cut },
      key(3, 'Retired'),
      key(4, 'Retiring'),
      key(5, 'Active'),
      key(6, 'Pending'),
    ],
    dropped: 3,
    handledRequests: ['b', 'a'],
    ignoredRevocation: 'k9',
    lastRotationTime: time,
    nextRotationTime: time,
    delivery: { keys: ['k4', 'k5'], time },
    failures: [{ dependency: 'Store', code: 'sealed', message: 'x', failures: 2, sinceTime: time, retryTime: time }],
  };
  const status = statusOf(record);
  expect(recordOf(status)).toEqual(record);
  expect(status.keys.map(({ id }) => id)).toEqual(['k2', 'k4', 'k5', 'k6']);
  expect(status.formerKeys.map(({ id, state }) => `${id} ${state}`)).toEqual(['k1 Destroyed', 'k3 Retired']);
});

it('has room for what must be named whatever was revoked before', () => {
  const keys = [...Array.from({ length: 9 }, (_, n) => key(n + 1, 'Revoked')), key(10, 'Active'), key(11, 'Prepared')];
  const status = statusOf({ keys, dropped: 0, handledRequests: [], failures: [] });
  expect(status.keys).toHaveLength(10);
  expect(status.formerKeys.map(({ id }) => id)).toEqual(['k1']);
});
