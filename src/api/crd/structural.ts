import { z } from 'zod';
import type { JsonSchema } from './json-schema.ts';
import { mergeUnion } from './union.ts';

/** A structural schema: what `openAPIV3Schema` takes. */
export interface Structural {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Structural>>;
  readonly required?: readonly string[];
  readonly items?: Structural;
  readonly additionalProperties?: Structural;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly format?: string;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly [key: string]: unknown;
}

const PRESERVE = { 'x-kubernetes-preserve-unknown-fields': true } as const;
/** Taken over as they are, in this order, and after them everything that begins with `x-kubernetes-`. */
const KEPT = [
  'description',
  'type',
  'default',
  'enum',
  'format',
  'nullable',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'maxProperties',
  'minimum',
  'maximum',
] as const;
const MAX_INT32 = 2_147_483_647;

/** The structural schema of what a manifest may hold: closed objects, unions merged, defaults for the API server. */
export function structuralSchema(schema: z.ZodType): Structural {
  const json = z.toJSONSchema(schema, { io: 'input', target: 'openapi-3.0', unrepresentable: 'throw' });
  return structural(json as JsonSchema); // the edge: zod's own type allows booleans for schemas, which it does not make of ours
}

function structural(schema: JsonSchema): Structural {
  if (schema.oneOf !== undefined) return structural(mergeUnion(schema, schema.oneOf));
  const { properties, required = [], items, additionalProperties } = schema;
  if (schema.type === undefined) throw new TypeError(`not one type: ${JSON.stringify(schema).slice(0, 200)}`);
  return {
    ...keptOf(schema),
    ...(schema.type === 'integer' && { format: Number(schema.maximum) <= MAX_INT32 ? 'int32' : 'int64' }),
    ...(properties !== undefined && { properties: mapValues(properties, structural) }),
    ...(required.length > 0 && { required }),
    ...(items !== undefined && { items: structural(items) }),
    ...keysOf(schema, additionalProperties),
  };
}

/** Closed objects are closed by being structural; loose ones keep what they do not know; maps have values of one kind. */
function keysOf({ properties }: JsonSchema, additional: JsonSchema | boolean | undefined): Partial<Structural> {
  if (additional === undefined || additional === false) return {};
  if (properties !== undefined) return PRESERVE;
  return additional === true ? PRESERVE : { additionalProperties: structural(additional) };
}

function keptOf(schema: JsonSchema): Structural {
  const extensions = Object.keys(schema).filter((key) => key.startsWith('x-kubernetes-'));
  const kept = [...KEPT, ...extensions].filter((key) => {
    return schema[key] !== undefined && !(key === 'maximum' && schema.maximum === Number.MAX_SAFE_INTEGER);
  });
  return Object.fromEntries(kept.map((key) => [key, schema[key]]));
}

/** The same schema without defaults: for a status, which is ours to write in full. */
export function withoutDefaults(schema: Structural): Structural {
  const { default: _, ...rest } = schema;
  return {
    ...rest,
    ...(rest.properties !== undefined && { properties: mapValues(rest.properties, withoutDefaults) }),
    ...(rest.items !== undefined && { items: withoutDefaults(rest.items) }),
  };
}

function mapValues<From, To>(of: Readonly<Record<string, From>>, to: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, to(value)]));
}
