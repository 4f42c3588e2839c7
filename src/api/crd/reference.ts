import { KINDS, type Kind } from '../kinds/kinds.ts';
import { ANNOTATIONS, GROUP, VERSION } from '../names.ts';
import { validationsOf } from '../schema/rules.ts';
import { documentedConditions } from './reasons.ts';
import { clusterRole, USER_ROLES } from './roles.ts';
import { type Structural, structuralSchema } from './structural.ts';

/** `docs/reference.md`: every field, every rule, every reason, from the same schemas as the CRDs. */
export function referenceText(): string {
  const { types, reasons } = documentedConditions();
  return [
    '# Reference',
    `Kinds of \`${GROUP}/${VERSION}\`. \`kubectl get noisefleet\` lists them all; \`kubectl explain\` knows the same texts.`,
    ...KINDS.flatMap(kindText),
    '## Conditions',
    table(
      ['Type', 'Meaning'],
      types.map(({ name, meaning }) => [`\`${name}\``, meaning]),
    ),
    '## Reasons',
    'Reasons are API: they do not change within a version.',
    table(
      ['Reason', 'When, and what to do'],
      reasons.map(({ name, meaning }) => [`\`${name}\``, meaning]),
    ),
    '## Annotations',
    table(
      ['Annotation', 'On', 'Meaning'],
      [
        [`\`${ANNOTATIONS.rotateRequestedAt}\``, 'Executor', 'A value not handled before asks for one key rotation.'],
        [`\`${ANNOTATIONS.revokeRequestedKey}\``, 'Executor', 'The id of a key that is to be revoked.'],
        [
          `\`${ANNOTATIONS.requestedBy}\``,
          'Executor',
          'Who asks. With the policy of the chart: only whoever writes it.',
        ],
        [`\`${ANNOTATIONS.requestReason}\``, 'Executor', 'Why, for the history of keys.'],
      ],
    ),
    '## Roles for people',
    "Added to Kubernetes' own roles of these names (`config/rbac`). Each holds what those before it hold.",
    table(
      ['Role', 'For', 'Rules'],
      USER_ROLES.map((role) => [
        `\`${role.name}\``,
        role.note,
        clusterRole(role)
          .rules.map(({ resources, verbs }) => `${verbs.join(', ')} on ${resources.join(', ')}`)
          .join('; '),
      ]),
    ),
  ].join('\n\n');
}

function kindText({ kind, plural, shortName, description, spec, status, columns, scale }: Kind): string[] {
  const names = [
    `\`kubectl get ${plural}\`, short \`${shortName}\``,
    ...(scale === undefined ? [] : ['`kubectl scale` works']),
  ];
  return [
    `## ${kind}`,
    `${description} ${names.join('; ')}.`,
    `Columns: ${columns.map(({ name, wide }) => (wide === true ? `${name} (wide)` : name)).join(', ')}.`,
    '### Spec',
    fieldTable(structuralSchema(spec), 'spec'),
    '### Status',
    fieldTable(structuralSchema(status), 'status'),
  ];
}

interface Row {
  readonly path: string;
  readonly schema: Structural;
  readonly required: boolean;
}

function fieldTable(schema: Structural, root: string): string {
  const isSpec = root === 'spec';
  const rows = rowsOf({ path: root, schema, required: true }).slice(1);
  return table(
    ['Field', 'Type', ...(isSpec ? ['Default'] : []), 'Meaning'],
    rows.map(({ path, schema: field, required }) => [
      `\`${path.slice(root.length + 1)}\``,
      typeText(field),
      ...(isSpec ? [required ? 'required' : defaultText(field)] : []),
      meaningText(field),
    ]),
  );
}

function rowsOf(row: Row): Row[] {
  const { path, schema } = row;
  const { properties = {}, required = [], items } = schema;
  const below = Object.entries(properties).flatMap(([name, property]) =>
    rowsOf({ path: `${path}.${name}`, schema: property, required: required.includes(name) }),
  );
  const entries = items === undefined ? [] : rowsOf({ path: `${path}[]`, schema: items, required: false });
  // An entry without fields of its own says nothing that its list does not say.
  return [row, ...below, ...(items?.properties === undefined ? [] : entries.slice(1))];
}

function typeText({ type = 'any', enum: values, format, items, additionalProperties }: Structural): string {
  if (values !== undefined) return values.map((value) => `\`${JSON.stringify(value)}\``).join(', ');
  if (items !== undefined) return `list of ${items.type === 'object' ? 'objects' : `${items.type ?? 'any'}s`}`;
  if (additionalProperties !== undefined) return 'map of strings';
  return format === 'date-time' ? 'time' : type;
}

function defaultText({ default: value }: Structural): string {
  if (value === undefined || JSON.stringify(value) === '{}') return '';
  return `\`${JSON.stringify(value)}\``;
}

function meaningText(field: Structural): string {
  const rules = [...new Set([...validationsOf(field), ...validationsOf(field.items)].map(({ message }) => message))];
  const bounds = boundsText(field);
  const extra = [...rules, ...(bounds === undefined ? [] : [bounds])];
  return `${field.description ?? ''}${extra.length === 0 ? '' : ` *${extra.join('; ')}*`}`;
}

function boundsText({ minimum, maximum, maxItems }: Structural): string | undefined {
  if (maxItems !== undefined) return `at most ${maxItems}`;
  if (minimum === undefined || maximum === undefined) return undefined;
  return `${minimum} to ${maximum}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
