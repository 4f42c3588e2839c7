import { expect, it } from 'vitest';
import { type Place, refusal } from './support.ts';

const JWKS_PATH = '/openid/v1/jwks';

export function describeDocuments(place: Place): void {
  it('gives the keys of token signatures as application/jwk-set+json and as nothing else', async () => {
    const { api } = place();
    const keys = { keys: expect.any(Array) };

    expect(await api.read(JWKS_PATH)).toMatchObject(keys);
    expect(await api.read(JWKS_PATH, { accept: 'application/jwk-set+json' })).toMatchObject(keys);
    expect(await refusal(api.read(JWKS_PATH, { accept: 'application/json' }))).toBe('NotAcceptable');
  });

  it('gives the description of the issuer as application/json', async () => {
    const { api } = place();
    const path = '/.well-known/openid-configuration';

    expect(await api.read(path, { accept: 'application/json' })).toMatchObject({ issuer: expect.any(String) });
    expect(await refusal(api.read(path, { accept: 'application/jwk-set+json' }))).toBe('NotAcceptable');
  });
}
