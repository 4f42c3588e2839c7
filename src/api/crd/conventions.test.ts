import { describe, expect, it } from 'vitest';
import { REASONS } from '../conditions.ts';
import { KINDS, type Kind } from '../kinds/kinds.ts';
import { validationsOf } from '../schema/rules.ts';
import { customResourceDefinition } from './crd.ts';
import { generatedFiles } from './files.ts';
import { documentedConditions } from './reasons.ts';
import type { Structural } from './structural.ts';

/** Every schema inside a CRD, by its path: `spec.keys.rotation.period`; entries of lists end in `[]`, values of maps in `{}`. */
function fieldsOf(kind: Kind): Map<string, Structural> {
  const all = new Map<string, Structural>();
  const walk = (path: string, schema: Structural): void => {
    all.set(path, schema);
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      walk(path === '' ? name : `${path}.${name}`, property);
    }
    if (schema.items !== undefined) walk(`${path}[]`, schema.items);
    if (schema.additionalProperties !== undefined) walk(`${path}{}`, schema.additionalProperties);
  };
  const root = customResourceDefinition(kind).spec.versions[0]?.schema.openAPIV3Schema;
  if (root !== undefined) walk('', root);
  return all;
}

/** Paths of fields that break a rule. */
const breaking = (kind: Kind, breaks: (schema: Structural, path: string) => boolean) =>
  [...fieldsOf(kind)].filter(([path, schema]) => breaks(schema, path)).map(([path]) => path);

/** Fields of Kubernetes' own pod template: their shape is not ours to choose. */
const ofKubernetes = (path: string) => path.startsWith('spec.template.');
const namesOf = (path: string) => path.split('.').at(-1) ?? '';

describe.each(KINDS.map((kind) => [kind.kind, kind] as const))('%s', (_name, kind) => {
  it('explains every field', () => {
    const entry = (path: string) => path.endsWith('[]') || path.endsWith('{}');
    expect(
      breaking(kind, ({ description = '' }, path) => path !== 'metadata' && !entry(path) && description === ''),
    ).toEqual([]);
  });

  it('has no field whose name is a boolean or a number to the YAML 1.1 of Helm and others: they would write `true` for `on`', () => {
    expect(
      breaking(kind, (_schema, path) => /^(y|n|yes|no|on|off|true|false|null|~|[0-9.]+)$/i.test(namesOf(path))),
    ).toEqual([]);
  });

  it('1: has its defaults in the spec; the status, which is ours to write, says by default that nobody has looked', () => {
    const inStatus = ({ default: value }: Structural, path: string) => path.startsWith('status') && value !== undefined;
    expect(breaking(kind, inStatus)).toEqual(['status']);
    expect(fieldsOf(kind).get('status')?.default).toEqual({ observedGeneration: -1 });
  });

  it('2: has conditions, merged by type, and no phase', () => {
    expect(fieldsOf(kind).get('status.conditions')).toMatchObject({
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    });
    expect(breaking(kind, (_schema, path) => /phase$/i.test(path))).toEqual([]);
  });

  it('3: says of which generation the status and each condition speak', () => {
    expect(fieldsOf(kind).get('status.observedGeneration')).toMatchObject({ type: 'integer', format: 'int64' });
    expect(fieldsOf(kind).get('status.conditions[].observedGeneration')).toMatchObject({ type: 'integer' });
  });

  it('5: has enums and no booleans, no floats, and maps only for labels and annotations', () => {
    const maps = ['matchLabels', 'labels', 'annotations'];
    expect(breaking(kind, ({ type }, path) => type === 'boolean' && !ofKubernetes(path))).toEqual([]);
    expect(breaking(kind, ({ type }) => type === 'number')).toEqual([]);
    expect(
      breaking(kind, (schema, path) => schema.additionalProperties !== undefined && !maps.includes(namesOf(path))),
    ).toEqual([]);
  });

  it('5: names times …Time, and only times', () => {
    const isTime = ({ format }: Structural) => format === 'date-time';
    expect(breaking(kind, (schema, path) => isTime(schema) !== namesOf(path).endsWith('Time'))).toEqual([]);
  });

  it('5: declares how lists merge, and bounds lists, maps and texts, so that rules have a price', () => {
    expect(
      breaking(kind, ({ type, ...schema }) => type === 'array' && schema['x-kubernetes-list-type'] === undefined),
    ).toEqual([]);
    expect(breaking(kind, ({ type, maxItems }) => type === 'array' && maxItems === undefined)).toEqual([]);
    expect(
      breaking(kind, (schema) => schema.additionalProperties !== undefined && schema.maxProperties === undefined),
    ).toEqual([]);
    const unbounded = ({ type, enum: values, format, maxLength }: Structural, path: string) =>
      type === 'string' &&
      values === undefined &&
      format !== 'date-time' &&
      maxLength === undefined &&
      path.includes('.');
    expect(breaking(kind, unbounded)).toEqual([]);
  });

  it('5: requires a field or gives it a default, not both', () => {
    const both = ({ required = [], properties = {} }: Structural) =>
      required.some((name) => properties[name]?.default !== undefined);
    expect(breaking(kind, both)).toEqual([]);
  });

  it('6: says in every rule what is allowed, in one line', () => {
    const silent = (schema: Structural) =>
      validationsOf(schema).some(({ message }) => message.length < 10 || /\n|\.$/.test(message));
    expect(breaking(kind, silent)).toEqual([]);
    expect(JSON.stringify(customResourceDefinition(kind))).not.toContain('"conversion"');
  });

  it('6: has a member for each value of a discriminator that names one, and refuses it elsewhere', () => {
    const unions = [...fieldsOf(kind)].filter(([, schema]) =>
      validationsOf(schema).some(({ message }) => message.includes(' is allowed only when ')),
    );
    for (const [path, { required = [] }] of unions) {
      const discriminator = ['type', 'from', 'kind'].find((name) => required.includes(name));
      expect([path, fieldsOf(kind).get(`${path}.${discriminator}`)?.enum]).toEqual([path, expect.any(Array)]);
    }
  });

  it('7: answers in its columns whether it is well, and if not why', () => {
    expect(kind.columns.map(({ name }) => name).slice(0, 2)).toEqual(['Ready', 'Reason']);
    expect(kind.columns.filter(({ wide }) => wide !== true).at(-1)?.name).toBe('Age');
    const { names, versions } = customResourceDefinition(kind).spec;
    expect(names.categories).toEqual(['noisefleet']);
    expect(names.shortNames).toHaveLength(1);
    expect(versions[0]?.subresources.status).toEqual({});
  });

  it('7: shows, selects and scales by fields that there are', () => {
    const known = fieldsOf(kind);
    const { scale } = kind;
    const paths = [
      ...kind.columns.map(({ jsonPath }) => jsonPath.replace(/\[\?\(.*\)\]/, '[]')),
      ...kind.selectableFields,
      ...(scale === undefined ? [] : [scale.spec, scale.status, scale.selector]),
    ];
    const missing = paths.filter((path) => path !== '.metadata.creationTimestamp' && !known.has(path.slice(1)));
    expect(missing).toEqual([]);
  });
});

describe('the Executor', () => {
  it('7: has the columns that people look for, and can be listed by its relay', () => {
    const executor = KINDS.find(({ kind }) => kind === 'Executor');
    expect(executor?.columns.filter(({ wide }) => wide !== true).map(({ name }) => name.toUpperCase())).toEqual([
      'READY',
      'REASON',
      'RELAY',
      'KEY',
      'ROTATES',
      'CLIENTS',
      'AGE',
    ]);
    expect(executor?.selectableFields).toEqual(
      expect.arrayContaining(['.spec.relayRef.name', '.spec.relayRef.namespace']),
    );
  });
});

describe('conditions and reasons', () => {
  const { types, reasons } = documentedConditions();

  it('4: are all documented', () => {
    expect(reasons.map(({ name }) => name).sort()).toEqual(Object.values(REASONS).sort());
    expect(types.map(({ name }) => name)).toEqual(expect.arrayContaining(['Ready', 'Stalled']));
  });

  it('4: are CamelCase, and a reason is called what it says', () => {
    for (const [name, value] of Object.entries(REASONS))
      expect([name, value]).toEqual([name, expect.stringMatching(/^([A-Z][a-z0-9]*)+$/)]);
    expect(Object.entries(REASONS).filter(([name, value]) => name !== value)).toEqual([]);
  });

  it.each(reasons.map(({ name, meaning }) => [name, meaning]))(
    '4: %s says when, for which kind, and what to do',
    (_name, meaning) => {
      // Condition=Status and more of them, the kinds in brackets, a colon, when; then a second sentence or clause: what to do.
      expect(meaning).toMatch(
        /^[A-Z]\w+=(True|False|Unknown).*\((all kinds|.*(Executor|Relay|ExecutorGrant).*)\).*: .+[.;:] .+\.$/,
      );
    },
  );

  it.each(types.map(({ name, meaning }) => [name, meaning]))(
    '2: %s says for which kind, its polarity and more',
    (_name, meaning) => {
      expect(meaning).toMatch(/^(All kinds|Executor|Relay|ExecutorGrant)\. .*([Pp]ositive|Negative).+\.$/);
    },
  );
});

describe('generated files', () => {
  it('say what made them, in the first line', () => {
    for (const [path, content] of generatedFiles()) {
      expect([path, content.split('\n')[0]]).toEqual([path, expect.stringContaining('npm run generate')]);
    }
  });
});
