import { describe, expect, it } from 'vitest';
import { decideWay } from './way.ts';

const entry = { environments: ['*'], registry: 'https://file', caBundle: 'PEM', serviceAccount: 'team-a/dev' };
const fromFile = { url: 'https://file', caBundle: 'PEM' };

describe('the way to a registry', () => {
  it.each([
    ['what noisefleet dev left, when nothing is said', {}, undefined, { type: 'readyFile' }],
    [
      'what noisefleet dev left, when it is named',
      { readyFile: 'r', serviceAccount: 'dev' },
      entry,
      { type: 'readyFile' },
    ],
    [
      'a ServiceAccount, with a registry that the cluster knows',
      { serviceAccount: 'dev' },
      undefined,
      { type: 'serviceAccount', serviceAccount: 'dev', registry: undefined },
    ],
    [
      'a ServiceAccount of the connection file',
      {},
      entry,
      { type: 'serviceAccount', serviceAccount: 'team-a/dev', registry: fromFile },
    ],
    [
      'the ServiceAccount of a flag rather than that of the file',
      { serviceAccount: 'other' },
      entry,
      { type: 'serviceAccount', serviceAccount: 'other', registry: fromFile },
    ],
    [
      'a token file rather than the ServiceAccount of the file',
      { tokenFile: 't' },
      entry,
      { type: 'tokenFile', tokenFile: 't', registry: fromFile },
    ],
    [
      'another registry without the certificates of the file',
      { registry: 'https://flag' },
      entry,
      { type: 'serviceAccount', serviceAccount: 'team-a/dev', registry: { url: 'https://flag' } },
    ],
  ])('is %s', (_name, flags, file, way) => {
    expect(decideWay('harness', flags, file)).toEqual(way);
  });

  it('gives a host that joins no credential of the connection file', () => {
    expect(() => decideWay('executor', {}, entry)).toThrow('--token-file FILE names the registration token');
    expect(decideWay('executor', { tokenFile: 't' }, entry)).toMatchObject({ type: 'tokenFile', registry: fromFile });
  });

  it.each([
    [{ serviceAccount: 'dev', tokenFile: 't' }, 'exclude each other'],
    [{ registry: 'https://flag' }, 'say who you are'],
  ])('refuses %j', (flags, message) => {
    expect(() => decideWay('harness', flags, undefined)).toThrow(message);
  });
});
