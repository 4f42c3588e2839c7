import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../objects/object.ts';
import { keyOf } from '../objects/resource.ts';
import { projectForCache } from './projection.ts';
import { Store } from './store.ts';

function object(namespace: string, name: string, version: string, labels: Record<string, string> = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace, name, uid: `${namespace}-${name}`, resourceVersion: version, labels },
  };
}

const byColour = {
  colour: ({ metadata }: KubeObject) => (metadata.labels?.colour === undefined ? [] : [metadata.labels.colour]),
};

describe('Store', () => {
  it('finds objects by key, namespace and index after any changes, and tells each change once', () => {
    const one = fc.record({
      remove: fc.boolean(),
      namespace: fc.constantFrom('a', 'b'),
      name: fc.constantFrom('x', 'y', 'z'),
      colour: fc.constantFrom('red', 'blue', undefined),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 50 }), (changes) => {
        const store = new Store(byColour);
        const model = new Map<string, KubeObject>();
        changes.forEach(({ remove, namespace, name, colour }, at) => {
          const each = object(namespace, name, String(at), colour === undefined ? {} : { colour });
          const key = keyOf(each.metadata);
          const change = remove ? store.remove(each.metadata) : store.put(each);
          const expected = remove ? (model.has(key) ? 'deleted' : undefined) : model.has(key) ? 'updated' : 'added';
          expect(change?.type).toBe(expected);
          if (remove) model.delete(key);
          else model.set(key, each);
        });

        const all = [...model.values()];
        expect(new Set(store.list())).toEqual(new Set(all));
        for (const namespace of ['a', 'b']) {
          expect(new Set(store.list(namespace))).toEqual(
            new Set(all.filter(({ metadata }) => metadata.namespace === namespace)),
          );
        }
        for (const colour of ['red', 'blue']) {
          expect(new Set(store.by('colour', colour))).toEqual(
            new Set(all.filter((each) => byColour.colour(each).includes(colour))),
          );
        }
      }),
    );
  });

  it('makes one namespace be what a list says, and leaves the others', () => {
    const store = new Store<KubeObject>();
    for (const each of [object('a', 'x', '1'), object('a', 'y', '2'), object('b', 'x', '3')]) store.put(each);

    const changes = store.replace([object('a', 'x', '1'), object('a', 'z', '4')], 'a');

    expect(changes.map(({ type, object: { metadata } }) => `${type} ${metadata.name}`)).toEqual([
      'added z',
      'deleted y',
    ]);
    expect(store.list().map(({ metadata }) => keyOf(metadata))).toEqual(['a/x', 'b/x', 'a/z']);
  });

  it('says nothing of a version that it has, and knows another object of the same name and version', () => {
    const store = new Store<KubeObject>();
    store.put(object('a', 'x', '1'));
    const other = { ...object('a', 'x', '1'), metadata: { ...object('a', 'x', '1').metadata, uid: 'another' } };

    expect(store.put(object('a', 'x', '1'))).toBeUndefined();
    expect(store.put(other)?.type).toBe('updated');
  });
});

describe('projectForCache', () => {
  it('drops managed fields but our own, and the copy that kubectl leaves', () => {
    const { metadata } = object('a', 'x', '1');
    const managedFields = [
      { manager: 'kubelet', operation: 'Update', fieldsV1: { 'f:status': {} } },
      { manager: 'us', operation: 'Update', fieldsV1: { 'f:data': {} } },
      { manager: 'us', operation: 'Apply', fieldsV1: { 'f:data': { 'f:a': {} } } },
    ];
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', ours: 'yes' };
    const full = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...metadata, managedFields, annotations } };

    expect(projectForCache(full).metadata.managedFields).toBeUndefined();
    expect(projectForCache(full, 'us').metadata).toMatchObject({
      annotations: { ours: 'yes' },
      managedFields: [{ manager: 'us', operation: 'Apply', fieldsV1: '{"f:data":{"f:a":{}}}' }],
    });
  });

  it('keeps annotations where there were some, so that what was decoded with them still has them', () => {
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
    const full = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...object('a', 'x', '1').metadata, annotations } };

    expect(projectForCache(full).metadata.annotations).toEqual({});
  });
});
