import { expect, it } from 'vitest';
import { configMaps } from '../../objects/builtin.ts';
import { type Place, refusal, widget } from './support.ts';
import { widgets } from './widget.ts';

export function describeWrites(place: Place): void {
  it('refuses a second object of the same name', async () => {
    const { api, namespace } = place();
    await api.create(configMaps, { metadata: { namespace, name: 'twice' } });

    expect(await refusal(api.create(configMaps, { metadata: { namespace, name: 'twice' } }))).toBe('AlreadyExists');
  });

  it('refuses an update from an older version', async () => {
    const { api, namespace } = place();
    const first = await api.create(widgets, widget(namespace, 'stale', { size: 1 }));
    await api.update(widgets, { ...first, ...{ spec: { size: 2 } } });

    expect(await refusal(api.update(widgets, { ...first, ...{ spec: { size: 3 } } }))).toBe('Conflict');
    expect((await api.get(widgets, first.metadata)).spec?.size).toBe(2);
  });

  it('counts generations of the spec, and writes status by its subresource only', async () => {
    const { api, namespace } = place();
    const made = await api.create(widgets, {
      ...widget(namespace, 'generations', { size: 1 }),
      ...{ status: { phase: 'ignored' } },
    });
    const relabelled = await api.patch(widgets, made.metadata, {
      type: 'merge',
      body: { metadata: { labels: { a: 'b' } } },
    });
    const resized = await api.patch(widgets, made.metadata, { type: 'merge', body: { spec: { size: 2 } } });
    const observed = await api.patch(
      widgets,
      made.metadata,
      { type: 'merge', body: { spec: { size: 9 }, status: { phase: 'Well' } } },
      { subresource: 'status' },
    );

    expect(made.status).toBeUndefined();
    expect([made, relabelled, resized, observed].map(({ metadata }) => metadata.generation)).toEqual([1, 1, 2, 2]);
    expect(observed).toMatchObject({ spec: { size: 2 }, status: { phase: 'Well' } });
  });

  it('patches by merge and by JSON patch', async () => {
    const { api, namespace } = place();
    const made = await api.create(configMaps, {
      metadata: { namespace, name: 'patched' },
      ...{ data: { a: '1', b: '2' } },
    });

    const merged = await api.patch(configMaps, made.metadata, { type: 'merge', body: { data: { a: null, c: '3' } } });
    const replaced = await api.patch(configMaps, made.metadata, {
      type: 'json',
      body: [
        { op: 'test', path: '/data/b', value: '2' },
        { op: 'replace', path: '/data/b', value: '4' },
      ],
    });

    expect(merged.data).toEqual({ b: '2', c: '3' });
    expect(replaced.data).toEqual({ b: '4', c: '3' });
  });

  it('stores nothing in a dry run', async () => {
    const { api, namespace } = place();
    await api.create(configMaps, { metadata: { namespace, name: 'dry' } }, { dryRun: true });

    expect(await api.find(configMaps, { namespace, name: 'dry' })).toBeUndefined();
  });
}
