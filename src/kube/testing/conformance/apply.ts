import { expect, it } from 'vitest';
import { secrets } from '../../objects/builtin.ts';
import { type Place, refusal, widget } from './support.ts';
import { widgets } from './widget.ts';

export function describeApply(place: Place): void {
  it('creates by apply, and an apply of the same again changes nothing', async () => {
    const { api, namespace } = place();
    const desired = widget(namespace, 'applied', { size: 1, parts: [{ name: 'a', count: 1 }], tags: ['x'] });

    const first = await api.apply(widgets, desired, { fieldManager: 'one' });
    const second = await api.apply(widgets, desired, { fieldManager: 'one' });

    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    expect(first.metadata.managedFields).toMatchObject([{ manager: 'one', operation: 'Apply' }]);
  });

  it('removes what a manager applies no more, and leaves what others have', async () => {
    const { api, namespace } = place();
    const name = 'shared';
    const parts = [
      { name: 'a', count: 1 },
      { name: 'b', count: 1 },
    ];
    await api.apply(widgets, widget(namespace, name, { size: 1, parts, tags: ['x', 'y'] }), { fieldManager: 'one' });
    await api.apply(widgets, widget(namespace, name, { colour: 'red', parts: [{ name: 'c' }], tags: ['z'] }), {
      fieldManager: 'two',
    });

    const last = await api.apply(widgets, widget(namespace, name, { parts: [{ name: 'b', count: 2 }], tags: ['y'] }), {
      fieldManager: 'one',
    });

    expect(last.spec?.size).toBeUndefined();
    expect(last.spec?.colour).toBe('red');
    expect(last.spec?.parts).toEqual([{ name: 'b', count: 2 }, { name: 'c' }]);
    expect([...(last.spec?.tags ?? [])].sort()).toEqual(['y', 'z']);
  });

  it('names the manager of a field in a conflict, and takes the field by force', async () => {
    const { api, namespace } = place();
    const name = 'contested';
    await api.apply(widgets, widget(namespace, name, { size: 1 }), { fieldManager: 'one' });
    const contested = api.apply(widgets, widget(namespace, name, { size: 2 }), { fieldManager: 'two' });

    await expect(contested).rejects.toMatchObject({
      code: 'Conflict',
      causes: [{ reason: 'FieldManagerConflict', field: '.spec.size', message: expect.stringContaining('"one"') }],
    });
    const forced = await api.apply(widgets, widget(namespace, name, { size: 2 }), { fieldManager: 'two', force: true });
    const released = await api.apply(widgets, widget(namespace, name, { colour: 'red' }), { fieldManager: 'one' });
    expect(forced.spec?.size).toBe(2);
    expect(released.spec).toEqual({ size: 2, colour: 'red' });
  });
}

export function describeAppliedParts(place: Place): void {
  it('applies status apart from spec', async () => {
    const { api, namespace } = place();
    const made = await api.apply(widgets, widget(namespace, 'status', { size: 1 }), { fieldManager: 'one' });
    const conditions = [{ type: 'Ready', status: 'True' }];
    const observed = await api.apply(
      widgets,
      { ...widget(namespace, 'status', { size: 5 }), ...{ status: { conditions } } },
      { fieldManager: 'one', subresource: 'status', force: true },
    );
    const respecified = await api.apply(widgets, widget(namespace, 'status', { size: 2 }), { fieldManager: 'one' });

    expect(observed).toMatchObject({ spec: { size: 1 }, status: { conditions }, metadata: { generation: 1 } });
    expect(respecified).toMatchObject({ spec: { size: 2 }, status: { conditions }, metadata: { generation: 2 } });
    expect(observed.metadata.resourceVersion).not.toBe(made.metadata.resourceVersion);
  });

  it('refuses an apply to another object of the same name', async () => {
    const { api, namespace } = place();
    const uid = '00000000-0000-4000-8000-000000000000';
    const withUid = (name: string) => ({ ...widget(namespace, name, {}), metadata: { namespace, name, uid } });
    await api.apply(widgets, widget(namespace, 'same-name', {}), { fieldManager: 'one' });

    const replaced = await refusal(api.apply(widgets, withUid('same-name'), { fieldManager: 'one' }));
    const deleted = await refusal(api.apply(widgets, withUid('never-there'), { fieldManager: 'one' }));

    // Which of the two depends on the kind: custom resources say that a uid is immutable.
    expect(['Conflict', 'Invalid']).toContain(replaced);
    expect(deleted).toBe('Conflict');
  });

  it('keeps data of a Secret that another manager applied beside ours', async () => {
    const { api, namespace } = place();
    const secret = (data: Record<string, string>) => ({ metadata: { namespace, name: 'two-managers' }, data });
    await api.apply(secrets, secret({ ours: 'b3Vycw==' }), { fieldManager: 'one' });
    await api.apply(secrets, secret({ theirs: 'dGhlaXJz' }), { fieldManager: 'two' });

    const last = await api.apply(secrets, secret({ ours: 'bmV3' }), { fieldManager: 'one' });

    expect(last.data).toEqual({ ours: 'bmV3', theirs: 'dGhlaXJz' });
  });
}
