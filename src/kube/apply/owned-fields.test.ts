import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldsOf, toFieldsV1 } from '../memory/fields/field-set.ts';
import { builtInShape } from '../memory/fields/shapes.ts';
import { type FieldTree, isApplied } from './owned-fields.ts';

const treeOf = (value: unknown) => toFieldsV1(fieldsOf(value, builtInShape)) as FieldTree;

const container = fc.record({
  name: fc.constantFrom('a', 'b', 'c'),
  image: fc.constantFrom('one', 'two'),
  args: fc.array(fc.constantFrom('-a', '-b'), { maxLength: 2 }),
});
const podSpec = fc.record({
  spec: fc.record(
    {
      containers: fc.uniqueArray(container, { selector: ({ name }) => name, maxLength: 3 }),
      nodeSelector: fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom('1', '2')),
      priority: fc.integer({ min: 0, max: 3 }),
    },
    { requiredKeys: ['priority'] },
  ),
});

describe('isApplied', () => {
  it('is true for what was applied, whatever else the object got, in whatever order', () => {
    fc.assert(
      fc.property(podSpec, (desired) => {
        const { spec } = desired;
        const containers = spec.containers
          ?.map((each) => ({ ...each, terminationMessagePath: '/dev/termination-log' }))
          .reverse();
        const live = {
          status: { phase: 'Running' },
          spec: { ...spec, ...(containers ? { containers } : {}), dnsPolicy: 'ClusterFirst' },
        };
        expect(isApplied(treeOf(desired), desired, live)).toBe(true);
      }),
    );
  });

  it('is false for anything that differs in a value, has more, or has less', () => {
    fc.assert(
      fc.property(podSpec, podSpec, (before, after) => {
        const sorted = ({ spec }: typeof before) =>
          JSON.stringify([
            spec.priority,
            Object.entries(spec.nodeSelector ?? {}).sort(),
            [...(spec.containers ?? [])]
              .sort((a, b) => (a.name < b.name ? -1 : 1))
              .map(({ name, image, args }) => [name, image, args]),
          ]);
        if (isApplied(treeOf(before), after, before)) expect(sorted(after)).toBe(sorted(before));
      }),
    );
  });

  it('takes a default key of a port for the same port', () => {
    const fields = { 'f:spec': { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } } } };
    const live = { spec: { ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }] } };

    expect(isApplied(fields, { spec: { ports: [{ port: 80 }] } }, live)).toBe(true);
    expect(isApplied(fields, { spec: { ports: [{ port: 81 }] } }, live)).toBe(false);
  });
});
