import { expect, it } from 'vitest';
import { secrets } from '../../objects/builtin.ts';
import { metadataOf } from '../../objects/resource.ts';
import { type Place, refusal, take } from './support.ts';

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

  it('makes an object of bytes, once, and gives it as it is on the wire; undefined for what is not there', async () => {
    const { api, namespace } = place();
    const ref = { namespace, name: 'bytes' };
    const made = { apiVersion: 'v1', kind: 'Secret', metadata: ref, data: { mine: 'eWVz' } };
    await api.createBytes(secrets, ref, Buffer.from(JSON.stringify(made)));

    const again = await refusal(api.createBytes(secrets, ref, Buffer.from(JSON.stringify(made))));
    const bytes = await api.findBytes(secrets, ref);

    expect(JSON.parse(Buffer.from(bytes ?? []).toString())).toMatchObject({ kind: 'Secret', data: { mine: 'eWVz' } });
    expect(again).toBe('AlreadyExists');
    expect(await api.findBytes(secrets, { namespace, name: 'nobody' })).toBeUndefined();
  });

  it('gives nothing but metadata where nothing else is asked for: of an object, a list, a watch, and as the answer to a write', async () => {
    const { api, namespace } = place();
    const resource = metadataOf(secrets);
    const ref = { namespace, name: 'partial' };
    const selection = { namespace, labelSelector: 'partial=yes' };
    const { resourceVersion } = await api.list(resource, selection);
    const metadata = { ...ref, labels: { partial: 'yes' } };

    const made = await api.create(resource, { metadata, ...{ data: { mine: 'eWVz' } } });
    const body = Buffer.from(
      JSON.stringify({ metadata: { resourceVersion: made.metadata.resourceVersion }, data: { more: 'eWVz' } }),
    );
    const changed = await api.patch(resource, ref, { type: 'merge', body });
    const stale = await refusal(api.patch(resource, ref, { type: 'merge', body }));
    const told = await take(api.watch(resource, { ...selection, resourceVersion }), 2);
    const { items } = await api.list(resource, selection);

    const seen = [made, changed, await api.get(resource, ref), ...items, ...told.map(({ object }) => object)];
    expect(seen.map((each) => Object.keys(each).sort())).toEqual(seen.map(() => ['apiVersion', 'kind', 'metadata']));
    expect(new Set(seen.map(({ kind, metadata: { name } }) => `${kind} ${name}`))).toEqual(new Set(['Secret partial']));
    expect(stale).toBe('Conflict');
    expect((await api.get(secrets, ref)).data).toEqual({ mine: 'eWVz', more: 'eWVz' });
  });
}
