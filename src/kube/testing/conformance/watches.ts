import { expect, it } from 'vitest';
import { configMaps } from '../../objects/builtin.ts';
import { names, type Place, take, widget } from './support.ts';
import { widgets } from './widget.ts';

export function describeWatches(place: Place): void {
  it('tells every change after a list, in order, as the selector sees it', async () => {
    const { api, namespace } = place();
    const options = { namespace, labelSelector: 'watched=yes' };
    const { resourceVersion } = await api.list(configMaps, options);
    const stop = new AbortController();
    const seen = take(api.watch(configMaps, { ...options, resourceVersion, signal: stop.signal }), 5);

    const labels = { watched: 'yes' };
    const made = await api.create(configMaps, { metadata: { namespace, name: 'watched', labels } });
    await api.create(configMaps, { metadata: { namespace, name: 'not-watched' } });
    await api.patch(configMaps, made.metadata, { type: 'merge', body: { data: { a: '1' } } });
    await api.patch(configMaps, made.metadata, { type: 'merge', body: { metadata: { labels: { watched: 'no' } } } });
    await api.patch(configMaps, made.metadata, { type: 'merge', body: { metadata: { labels } } });
    await api.delete(configMaps, made.metadata);

    expect((await seen).map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED', 'ADDED', 'DELETED']);
    stop.abort();
  });

  it('goes on from the version of any event', async () => {
    const { api, namespace } = place();
    const { resourceVersion } = await api.list(widgets, { namespace });
    const first = await api.create(widgets, widget(namespace, 'resume-1', {}));
    await api.create(widgets, widget(namespace, 'resume-2', {}));
    const stop = new AbortController();
    const signal = stop.signal;

    const all = await take(api.watch(widgets, { namespace, resourceVersion, signal }), 2);
    const rest = await take(
      api.watch(widgets, { namespace, resourceVersion: first.metadata.resourceVersion, signal }),
      1,
    );

    expect(names(all.map(({ object }) => object))).toEqual(['resume-1', 'resume-2']);
    expect(names(rest.map(({ object }) => object))).toEqual(['resume-2']);
    stop.abort();
  });
}
