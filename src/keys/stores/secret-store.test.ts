import { beforeEach, describe, expect, it } from 'vitest';
import { type ObjectApi, secrets } from '../../kube/index.ts';
import { MemoryApiServer } from '../../kube/testing/index.ts';
import { systemClock } from '../../telemetry/index.ts';
import { keySecretName, SecretKeyStore } from './secret-store.ts';

const holder = { namespace: 'team-a', name: 'build', uid: 'uid-1' };
const ref = { namespace: 'team-a', name: keySecretName(holder) };

let api: ObjectApi;
let store: SecretKeyStore;

beforeEach(() => {
  api = new MemoryApiServer({ clock: systemClock }).api();
  store = new SecretKeyStore(api);
});

describe('keys in a Secret', () => {
  it('are made once: who asks again gets the same key', async () => {
    expect(await store.list(holder)).toEqual([]);
    const made = await store.create(holder, 'k1');
    const { data } = await api.get(secrets, ref);
    expect(await store.create(holder, 'k1')).toEqual(made);
    expect((await api.get(secrets, ref)).data).toEqual(data);
    expect(await store.list(holder)).toEqual([made]);
  });

  it('are one key when many ask at the same time', async () => {
    const made = await Promise.all([1, 2, 3].map(() => new SecretKeyStore(api).create(holder, 'k1')));
    expect(new Set(made.map(({ fingerprint }) => fingerprint)).size).toBe(1);
  });

  it('stand beside each other, by number', async () => {
    const first = await store.create(holder, 'k2');
    const second = await store.create(holder, 'k10');
    expect(await store.list(holder)).toEqual([first, second]);
  });

  it('are never put into a Secret that is not the executor’s', async () => {
    await api.create(secrets, { metadata: ref, ...{ data: { mine: 'eWVz' } } });
    await expect(store.create(holder, 'k1')).rejects.toMatchObject({ code: 'not_owned' });
    await expect(store.list({ ...holder, uid: 'uid-2' })).rejects.toMatchObject({ code: 'not_owned' });
    expect((await api.get(secrets, ref)).data).toEqual({ mine: 'eWVz' });
  });

  it('are left alone when somebody damaged them, and no message repeats what was there', async () => {
    await store.create(holder, 'k1');
    const damaged = Buffer.from('{"x25519PrivateKey":"c2VjcmV0"}').toString('base64');
    await api.patch(secrets, ref, { type: 'merge', body: { data: { 'k1.json': damaged } } });
    const error: unknown = await store.create(holder, 'k1').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'malformed' });
    expect(String(error)).not.toContain('c2VjcmV0');
    expect((await api.get(secrets, ref)).data?.['k1.json']).toBe(damaged);
  });
});
