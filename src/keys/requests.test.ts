import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ANNOTATIONS } from '../api/index.ts';
import { NEW_KEYS_RECORD } from './machine/record.ts';
import { namesRequester, requestsIn } from './requests.ts';

const { rotateRequestedAt, revokeRequestedKey, requestedBy, requestReason } = ANNOTATIONS;

describe('what annotations ask for', () => {
  it('is nothing without a value, whatever words stand there', () => {
    const words = { [requestedBy]: 'jane', [requestReason]: 'why' };
    expect(requestsIn(words, true)).toEqual({ rotation: undefined, revocation: undefined });
    expect(requestsIn({ [rotateRequestedAt]: '' }, false)).toMatchObject({ rotation: undefined });
  });

  it.each([
    ['2026-11-30T12:00:00Z', 'Annotation'],
    ['command/2026-11-30T12:00:00Z', 'Command'],
  ])('%s is a rotation by %s', (value, trigger) => {
    const annotations = { [rotateRequestedAt]: value, [requestedBy]: 'jane', [requestReason]: 'CHG-1' };
    expect(requestsIn(annotations, true).rotation).toEqual({
      ...{ value, trigger, requestedBy: 'jane', reason: 'CHG-1', proven: true },
    });
  });

  it('proves nobody where nobody is named', () => {
    expect(requestsIn({ [revokeRequestedKey]: 'k3' }, true).revocation).toEqual({ keyId: 'k3', proven: false });
  });

  it('keeps words on one line, of a bounded length, without what a terminal would obey', () => {
    const hostile = `\x1b[2J\u202egnp.\nk9 Active  ${'x'.repeat(5000)}`;
    const { rotation } = requestsIn({ [rotateRequestedAt]: 'one', [requestReason]: hostile }, false);
    expect(rotation?.reason).toMatch(/^\[2J gnp\. k9 Active {2}x+$/);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
        const { reason = '' } = requestsIn({ [rotateRequestedAt]: 'one', [requestReason]: text }, false).rotation ?? {};
        expect(reason.length).toBeLessThanOrEqual(256);
        expect(reason).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        expect(reason.isWellFormed()).toBe(true);
      }),
    );
  });

  it('tells values apart that are too long to be remembered as they are', () => {
    const recorded = (value: string) => requestsIn({ [rotateRequestedAt]: value }, false).rotation?.value;
    const long = 'x'.repeat(100_000);
    expect(recorded(`${long}1`)).toHaveLength('sha256:'.length + 64);
    expect(recorded(`${long}1`)).toBe(recorded(`${long}1`));
    expect(recorded(`${long}1`)).not.toBe(recorded(`${long}2`));
  });
});

describe('a name beside a request', () => {
  const record = { ...NEW_KEYS_RECORD, handledRequests: ['old'] };
  const active = { id: 'k1', state: 'Active', trigger: 'Initial', creationTime: '2026-11-30T12:00:00Z' } as const;

  it.each([
    [{ [rotateRequestedAt]: 'new' }, false],
    [{ [rotateRequestedAt]: 'new', [requestedBy]: 'jane' }, true],
    [{ [rotateRequestedAt]: 'old', [requestedBy]: 'jane' }, false],
    [{ [revokeRequestedKey]: 'k1', [requestedBy]: 'jane' }, true],
    [{ [revokeRequestedKey]: 'k2', [requestedBy]: 'jane' }, false],
    [{ [requestedBy]: 'jane' }, false],
  ])('matters while the request is open: %j %s', (annotations, expected) => {
    expect(namesRequester(annotations, { ...record, keys: [active] })).toBe(expected);
  });
});
