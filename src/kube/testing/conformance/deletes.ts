import { expect, it } from 'vitest';
import { configMaps } from '../../objects/builtin.ts';
import { controllerReference } from '../../objects/owner.ts';
import { eventually, type Place, refusal, widget } from './support.ts';
import { widgets } from './widget.ts';

export function describeDeletes(place: Place): void {
  it('deletes only the object that was meant', async () => {
    const { api, namespace } = place();
    const made = await api.create(configMaps, { metadata: { namespace, name: 'meant' } });
    const other = '00000000-0000-4000-8000-000000000000';

    expect(await refusal(api.delete(configMaps, made.metadata, { uid: other }))).toBe('Conflict');
    await api.delete(configMaps, made.metadata, { uid: made.metadata.uid });
    expect(await refusal(api.delete(configMaps, made.metadata))).toBe('NotFound');
  });

  it('keeps a deleted object until its last finalizer is gone', async () => {
    const { api, namespace } = place();
    const held = { metadata: { namespace, name: 'held', finalizers: ['conformance.noisefleet.dev/hold'] } };
    const made = await api.create(widgets, held);
    await api.delete(widgets, made.metadata);

    const dying = await api.get(widgets, made.metadata);
    await api.patch(widgets, made.metadata, { type: 'merge', body: { metadata: { finalizers: null } } });

    expect(dying.metadata.deletionTimestamp).toBeDefined();
    await eventually(async () => expect(await api.find(widgets, made.metadata)).toBeUndefined());
  });

  it('deletes what an object owns after it', async () => {
    const { api, namespace } = place();
    const owner = await api.create(widgets, widget(namespace, 'owner', {}));
    const ownerReferences = [controllerReference(owner)];
    const owned = await api.create(configMaps, { metadata: { namespace, name: 'owned', ownerReferences } });

    await api.delete(widgets, owner.metadata);

    await eventually(async () => expect(await api.find(configMaps, owned.metadata)).toBeUndefined());
  });
}
