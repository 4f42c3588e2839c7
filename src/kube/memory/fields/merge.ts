import { isObject, type JsonObject } from '../json.ts';
import { childrenOf, type Path, stepOf } from './field-set.ts';
import type { ShapeOf } from './shapes.ts';

/** `config` laid over `live`: granular maps by field, keyed lists by item, sets as a union, everything else whole. */
export function mergeValue(live: unknown, config: unknown, names: readonly string[], shapeOf: ShapeOf): unknown {
  const shape = shapeOf(names);
  if (isObject(live) && isObject(config) && shape?.type !== 'atomic') {
    const merged: Record<string, unknown> = { ...live };
    for (const [name, value] of Object.entries(config)) {
      if (value === null || value === undefined) continue;
      merged[name] = mergeValue(live[name], value, [...names, name], shapeOf);
    }
    return merged;
  }
  if (Array.isArray(live) && Array.isArray(config) && (shape?.type === 'map' || shape?.type === 'set')) {
    const wanted = new Map(config.map((item) => [stepOf(item, shape), item]));
    const merged = live.map((item) => {
      const step = stepOf(item, shape);
      const over = wanted.get(step);
      wanted.delete(step);
      return over === undefined || shape.type === 'set' ? item : mergeValue(item, over, names, shapeOf);
    });
    return [...merged, ...wanted.values()];
  }
  return config;
}

/** `value` without what is at `path`, and without the maps and lists that this leaves empty. */
export function without(value: unknown, path: Path, names: readonly string[], shapeOf: ShapeOf): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return undefined;
  const child = childrenOf(value, names, shapeOf)?.find((each) => each.step === step);
  if (child === undefined) return value;
  const left = without(child.value, rest, child.names, shapeOf);
  if (Array.isArray(value)) {
    const items = value.flatMap((item) => (item === child.value ? (left === undefined ? [] : [left]) : [item]));
    return items.length === 0 ? undefined : items;
  }
  const fields: Record<string, unknown> = { ...(value as JsonObject) };
  const name = step.slice(2);
  if (left === undefined) delete fields[name];
  else fields[name] = left;
  return Object.keys(fields).length === 0 ? undefined : fields;
}
