import { belongsTo, NOT_YET } from '../schema/fields.ts';
import { type CelRule, VALIDATIONS, validationsOf } from '../schema/rules.ts';
import type { JsonSchema } from './json-schema.ts';

/**
 * A structural schema has no `oneOf` with types inside, so a union becomes one object with the fields of all members, and CEL rules
 * that say which field belongs to which value of the discriminator.
 */
export function mergeUnion(union: JsonSchema, members: readonly JsonSchema[]): JsonSchema {
  const discriminator = discriminatorOf(members);
  const values = members.map((member) => discriminatedBy(member, discriminator));
  const names = [...new Set(members.flatMap((member) => Object.keys(member.properties ?? {})))];
  const properties: Record<string, JsonSchema> = {};
  const rules: CelRule[] = [];
  for (const field of names.filter((name) => name !== discriminator)) {
    const owners = members.filter((member) => member.properties?.[field] !== undefined);
    const merged = mergeField({ field, discriminator, owners, everywhere: owners.length === members.length });
    properties[field] = merged.schema;
    rules.push(...merged.rules);
  }
  const notYet = Object.entries(Object(union[NOT_YET])).map(([value, reason]) => [value, String(reason)] as const);
  rules.unshift(
    ...notYet.map(([value, message]) => ({
      rule: `self.${discriminator} != '${value}'`,
      message,
      fieldPath: `.${discriminator}`,
    })),
  );
  const { [NOT_YET]: _, oneOf: __, ...rest } = union;
  return {
    ...rest,
    type: 'object',
    properties: {
      [discriminator]: {
        ...members[0]?.properties?.[discriminator],
        enum: [...values, ...notYet.map(([value]) => value)],
      },
      ...properties,
    },
    required: names.filter((name) => members.every((member) => member.required?.includes(name))),
    [VALIDATIONS]: [...rules, ...validationsOf(union)],
  };
}

/** The field that each member requires with one value of its own. */
function discriminatorOf(members: readonly JsonSchema[]): string {
  const found = Object.keys(members[0]?.properties ?? {}).find((name) =>
    members.every((member) => member.required?.includes(name) && member.properties?.[name]?.enum?.length === 1),
  );
  if (found === undefined) throw new TypeError('a union without a discriminator cannot be a structural schema');
  return found;
}

function discriminatedBy(member: JsonSchema, discriminator: string): string {
  return String(member.properties?.[discriminator]?.enum?.[0]);
}

interface Field {
  readonly field: string;
  readonly discriminator: string;
  readonly owners: readonly JsonSchema[];
  readonly everywhere: boolean;
}

function mergeField({ field, discriminator, owners, everywhere }: Field): { schema: JsonSchema; rules: CelRule[] } {
  const rules: CelRule[] = [];
  const values = owners.map((owner) => discriminatedBy(owner, discriminator));
  const isOwner =
    values.length === 1
      ? `self.${discriminator} == '${values[0]}'`
      : `self.${discriminator} in ['${values.join("', '")}']`;
  if (!everywhere)
    rules.push({ rule: `${isOwner} || !has(self.${field})`, message: belongsTo(field, discriminator, values) });
  if (!everywhere && owners.every((owner) => owner.required?.includes(field))) {
    const message = `${field} is required when ${discriminator} is ${values.join(' or ')}`;
    rules.push({ rule: `!(${isOwner}) || has(self.${field})`, message });
  }
  const versions = owners.map((owner) => owner.properties?.[field] ?? {});
  const [first = {}] = versions;
  // A default that holds for some members only would be filled in for all of them.
  const { default: _, ...withoutDefault } = first;
  if (versions.every((version) => JSON.stringify(version) === JSON.stringify(first))) {
    return { schema: everywhere ? first : withoutDefault, rules };
  }
  const { enum: __, [VALIDATIONS]: ___, ...common } = withoutDefault;
  const lengths = versions.flatMap(({ maxLength }) => (maxLength === undefined ? [] : [maxLength]));
  for (const [index, version] of versions.entries()) {
    rules.push(...guarded({ field, discriminator, value: values[index] ?? '', version }));
  }
  const bound = lengths.length > 0 ? Math.max(...lengths) : boundOf(versions);
  return { schema: { ...common, ...(bound !== undefined && { maxLength: bound }) }, rules };
}

function boundOf(versions: readonly JsonSchema[]): number | undefined {
  const texts = versions.flatMap((version) => version.enum ?? []).map(String);
  return texts.length === 0 ? undefined : Math.max(...texts.map((text) => text.length));
}

/** Where members differ in what they allow in a field of the same name, each one's rules hold under its own discriminator. */
function guarded(of: { field: string; discriminator: string; value: string; version: JsonSchema }): CelRule[] {
  const { field, discriminator, value, version } = of;
  const unless = `self.${discriminator} != '${value}' || !has(self.${field})`;
  const fieldPath = `.${field}`;
  const rules = validationsOf(version).map(({ rule, message }) => {
    return { rule: `${unless} || ${rule.replace(/\bself\b/g, `self.${field}`)}`, message, fieldPath };
  });
  const allowed = version.enum?.[0];
  if (allowed === undefined) return rules;
  const message = `${field} must be ${JSON.stringify(allowed)} when ${discriminator} is ${value}`;
  return [...rules, { rule: `${unless} || self.${field} == ${celString(String(allowed))}`, message, fieldPath }];
}

function celString(text: string): string {
  return `'${text}'`;
}
