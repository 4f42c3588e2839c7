import type { z } from 'zod';
import { refine } from 'zod';

/** One rule, said twice: to the API server in CEL, and to our own parser. `test/manifests/invalid` holds the two to each other. */
export interface Rule<Value> {
  /** What is allowed, in words. Both sides answer with it. */
  readonly message: string;
  /** In CEL, of `self` (and `oldSelf` in a rule about a change). */
  readonly cel: string;
  /** The same in TypeScript. Absent for what a file alone cannot break: rules about a change, and those that an enum covers here. */
  readonly holds?: (value: Value) => boolean;
  /** The field at fault, below the one that has the rule. */
  readonly field?: string;
}

/** `x-kubernetes-validations` of one schema, as the API server takes them. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}

export const VALIDATIONS = 'x-kubernetes-validations';

/** `schema` with rules that hold here and in the API server. A rule is asked only of what is right so far, as there. */
export function ruled<Schema extends z.ZodType>(schema: Schema, ...rules: readonly Rule<z.output<Schema>>[]): Schema {
  const checked = rules.reduce<Schema>((so, { holds, message, field }) => {
    if (holds === undefined) return so;
    const path = field === undefined ? [] : [field];
    return so.check(refine<z.output<Schema>>((value) => holds(value), { error: message, path, abort: true }));
  }, schema);
  const cel = rules.map(({ cel: rule, message, field }): CelRule => {
    return { rule, message, ...(field !== undefined && { fieldPath: `.${field}` }) };
  });
  return checked.meta({ ...schema.meta(), [VALIDATIONS]: [...validationsOf(schema.meta()), ...cel] });
}

/** The rules in a schema's metadata, or in a JSON Schema made of it. */
export function validationsOf(meta: Readonly<Record<string, unknown>> | undefined): readonly CelRule[] {
  const rules: unknown = meta?.[VALIDATIONS];
  return Array.isArray(rules) ? rules : [];
}

/** A CEL raw string: no escapes inside, so that a pattern looks as it does here. */
export function celText(text: string): string {
  if (text.includes("'")) throw new RangeError(`a raw CEL string cannot hold a quote: ${text}`);
  return `r'${text}'`;
}
