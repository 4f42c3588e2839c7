import { expect, it } from 'vitest';
import { pods, services } from '../../objects/builtin.ts';
import { type Place, refusal, widget } from './support.ts';
import { widgets } from './widget.ts';

const parts = [
  { name: 'a', count: 1 },
  { name: 'a', count: 2 },
];
const tags = ['x', 'x'];

export function describeKeyedLists(place: Place): void {
  it.each([
    ['a key', { parts }, 'spec.parts[1]'],
    ['a member of a set', { tags }, 'spec.tags[1]'],
  ])('refuses %s that stands in a list twice, in every write', async (_what, spec, field) => {
    const { api, namespace } = place();
    const made = await api.create(widgets, { metadata: { namespace, generateName: 'once-' }, ...{ spec: {} } });
    const { name } = made.metadata;

    const created = api.create(widgets, widget(namespace, 'twice', spec));
    await expect(created).rejects.toMatchObject({
      code: 'Invalid',
      causes: [{ reason: 'FieldValueDuplicate', field }],
    });
    expect(await refusal(api.patch(widgets, made.metadata, { type: 'merge', body: { spec } }))).toBe('Invalid');
    // To the real server a list that cannot be merged is an error of its own.
    const applied = api.apply(widgets, widget(namespace, name, spec), { fieldManager: 'one', force: true });
    await expect(applied).rejects.toMatchObject({
      code: 'InternalError',
      message: expect.stringContaining('duplicate entries for key'),
    });
  });

  it('refuses a type of condition that stands in status twice', async () => {
    const { api, namespace } = place();
    const made = await api.create(widgets, widget(namespace, 'said-twice', {}));
    const status = { conditions: [{ type: 'Ready' }, { type: 'Ready' }] };
    const written = { subresource: 'status', fieldManager: 'one' } as const;

    const applied = api.apply(widgets, { metadata: { namespace, name: 'said-twice' }, ...{ status } }, written);
    expect(await refusal(applied)).toBe('InternalError');
    expect(await refusal(api.update(widgets, { ...made, ...{ status } }, written))).toBe('Invalid');
  });

  it('refuses the same name, port or variable twice in what it knows by itself, variables in an apply only', async () => {
    const { api, namespace } = place();
    const once = { name: 'main', image: 'registry.invalid/none:1' };
    const env = [
      { name: 'A', value: '1' },
      { name: 'A', value: '2' },
    ];
    const pod = (containers: object[]) => ({ metadata: { namespace, name: 'twice' }, ...{ spec: { containers } } });
    const ports = [
      { name: 'a', port: 80 },
      { name: 'b', port: 80, protocol: 'TCP' },
    ];
    const service = { metadata: { namespace, name: 'twice' }, ...{ spec: { selector: { a: 'b' }, ports } } };
    const dry = { dryRun: true };
    const byApply = { dryRun: true, fieldManager: 'one' };

    expect(await refusal(api.create(pods, pod([once, once]), dry))).toBe('Invalid');
    expect(await refusal(api.apply(pods, pod([once, once]), byApply))).toBe('InternalError');
    expect(await refusal(api.create(services, service, dry))).toBe('Invalid');
    expect(await refusal(api.apply(services, service, byApply))).toBe('InternalError');
    expect(await refusal(api.create(pods, pod([{ ...once, env }]), dry))).toBe('accepted');
    expect(await refusal(api.apply(pods, pod([{ ...once, env }]), byApply))).toBe('InternalError');
  });
}
