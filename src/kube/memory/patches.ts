import { mergeValue } from './fields/merge.ts';
import type { ShapeOf } from './fields/shapes.ts';
import { asObject, isObject, type JsonObject, sameJson } from './json.ts';
import { Refusal } from './refusal.ts';

/** JSON Merge Patch (RFC 7396). */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = { ...asObject(target) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** The part of a strategic merge patch that has no directives: keyed lists by item, sets as a union, `null` removes. */
export function strategicPatch(target: JsonObject, patch: JsonObject, shapeOf: ShapeOf): JsonObject {
  return asObject(dropNulls(mergeValue(target, patch, [], shapeOf), patch));
}

function dropNulls(merged: unknown, patch: unknown): unknown {
  if (!isObject(merged) || !isObject(patch)) return merged;
  const result: Record<string, unknown> = { ...merged };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = dropNulls(result[key], value);
  }
  return result;
}

/** JSON Patch (RFC 6902): `add`, `remove`, `replace` and `test`. */
export function jsonPatch(target: JsonObject, operations: unknown): JsonObject {
  if (!Array.isArray(operations)) throw new Refusal(400, 'BadRequest', 'a JSON patch is a list of operations');
  let result: unknown = structuredClone(target);
  for (const operation of operations.map(asObject)) {
    const path = String(operation.path)
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    result = operate(result, path, operation);
  }
  return asObject(result);
}

function operate(target: unknown, [name, ...rest]: readonly string[], operation: JsonObject): unknown {
  if (name === undefined) return operation.value;
  const isLast = rest.length === 0;
  if (Array.isArray(target)) {
    const at = name === '-' ? target.length : Number(name);
    if (!isLast) return target.with(at, operate(target[at], rest, operation));
    return target.toSpliced(
      at,
      operation.op === 'add' ? 0 : 1,
      ...(operation.op === 'remove' ? [] : [operation.value]),
    );
  }
  const fields: Record<string, unknown> = { ...asObject(target) };
  if (operation.op !== 'add' && !Object.hasOwn(fields, name)) {
    throw new Refusal(422, 'Invalid', `the server rejected our request due to an error in our request: no "${name}"`);
  }
  if (!isLast) return { ...fields, [name]: operate(fields[name], rest, operation) };
  if (operation.op === 'test' && !sameJson(fields[name], operation.value)) {
    throw new Refusal(
      422,
      'Invalid',
      `the server rejected our request due to an error in our request: testing "${name}" failed`,
    );
  }
  if (operation.op === 'remove') delete fields[name];
  else if (operation.op !== 'test') fields[name] = operation.value;
  return fields;
}
