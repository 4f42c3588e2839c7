import { expect, it } from 'vitest';
import { configMaps } from '../../objects/builtin.ts';
import { names, type Place, refusal } from './support.ts';

export function describeReads(place: Place): void {
  it('says NotFound for what is not there, and find says undefined', async () => {
    const { api, namespace } = place();

    expect(await refusal(api.get(configMaps, { namespace, name: 'nobody' }))).toBe('NotFound');
    expect(await api.find(configMaps, { namespace, name: 'nobody' })).toBeUndefined();
  });

  it('gives the items of a list their kind, and selects them by label', async () => {
    const { api, namespace } = place();
    await api.create(configMaps, { metadata: { namespace, name: 'red', labels: { colour: 'red', listed: 'yes' } } });
    await api.create(configMaps, { metadata: { namespace, name: 'blue', labels: { colour: 'blue', listed: 'yes' } } });

    const all = await api.list(configMaps, { namespace, labelSelector: 'listed' });
    const red = await api.list(configMaps, { namespace, labelSelector: 'listed=yes,colour in (red,green)' });
    const one = await api.list(configMaps, { namespace, fieldSelector: 'metadata.name=blue' });

    expect(names(all.items)).toEqual(['blue', 'red']);
    expect(all.items[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
    expect(names(red.items)).toEqual(['red']);
    expect(names(one.items)).toEqual(['blue']);
  });

  it('reads a list of several pages whole', async () => {
    const { api, namespace } = place();
    const wanted = Array.from({ length: 1_001 }, (_, at) => `page-${String(at).padStart(4, '0')}`);
    for (let at = 0; at < wanted.length; at += 20) {
      const batch = wanted.slice(at, at + 20);
      await Promise.all(
        batch.map((name) => api.create(configMaps, { metadata: { namespace, name, labels: { paged: 'yes' } } })),
      );
    }

    const { items } = await api.list(configMaps, { namespace, labelSelector: 'paged=yes' });

    expect(names(items)).toEqual(wanted);
  });
}
