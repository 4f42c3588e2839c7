import { asObject, isObject, type JsonObject } from '../json.ts';
import type { Shape, ShapeOf } from './shapes.ts';

/** A step into an object, as `FieldsV1` writes it: `f:name`, `k:{…}`, `v:…`. */
export type Step = string;
export type Path = readonly Step[];

/** Fields by their path's text. Items of keyed lists are members themselves, beside their fields. */
export type FieldSet = ReadonlyMap<string, Path>;

export function textOf(path: Path): string {
  return path.join('\u0000');
}

/** Metadata that the server sets or that names the object: never owned. */
const UNOWNED_META: ReadonlySet<string> = new Set([
  ...['name', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'deletionTimestamp'],
  ...['deletionGracePeriodSeconds', 'managedFields', 'selfLink', 'generateName'],
]);

/** What of an object can be owned. */
export function ownable(object: JsonObject): JsonObject {
  const { apiVersion: _version, kind: _kind, metadata, ...content } = object;
  const owned = Object.entries(asObject(metadata)).filter(([key]) => !UNOWNED_META.has(key));
  return owned.length === 0 ? content : { ...content, metadata: Object.fromEntries(owned) };
}

/** The fields of a value: leaves, and items of keyed lists. */
export function fieldsOf(value: unknown, shapeOf: ShapeOf): FieldSet {
  const found = new Map<string, Path>();
  collect(value, [], [], shapeOf, found);
  return found;
}

function collect(
  value: unknown,
  path: Path,
  names: readonly string[],
  shapeOf: ShapeOf,
  found: Map<string, Path>,
): void {
  if (value === null || value === undefined) return;
  const children = childrenOf(value, names, shapeOf);
  if (children === undefined || children.length === 0) {
    if (path.length > 0) found.set(textOf(path), path);
    return;
  }
  for (const { step, value: child, names: childNames } of children) {
    const childPath = [...path, step];
    if (step.startsWith('f:')) collect(child, childPath, childNames, shapeOf, found);
    else {
      found.set(textOf(childPath), childPath);
      if (step.startsWith('k:')) collect(child, childPath, childNames, shapeOf, found);
    }
  }
}

interface Child {
  readonly step: Step;
  readonly value: unknown;
  readonly names: readonly string[];
}

/** The parts of a value that are owned apart; undefined when it is owned whole. */
export function childrenOf(value: unknown, names: readonly string[], shapeOf: ShapeOf): Child[] | undefined {
  const shape = shapeOf(names);
  if (Array.isArray(value)) {
    if (shape?.type !== 'map' && shape?.type !== 'set') return undefined;
    return value.map((item) => ({ step: stepOf(item, shape), value: item, names }));
  }
  if (!isObject(value) || shape?.type === 'atomic') return undefined;
  return Object.entries(value)
    .filter(([, child]) => child !== undefined && child !== null)
    .map(([name, child]) => ({ step: `f:${name}`, value: child, names: [...names, name] }));
}

/** How an item of a list is found. */
export function stepOf(item: unknown, shape: Shape): Step {
  if (shape.type !== 'map') return `v:${JSON.stringify(item)}`;
  const fields = asObject(item);
  const keys = [...shape.keys].sort().map((key) => [key, fields[key] ?? shape.defaults?.[key]]);
  return `k:${JSON.stringify(Object.fromEntries(keys))}`;
}

/** `FieldsV1`. */
export function toFieldsV1(fields: FieldSet): JsonObject {
  interface Tree {
    [step: Step]: Tree;
  }
  const root: Tree = {};
  for (const path of fields.values()) {
    let at = root;
    for (const step of path) {
      at[step] ??= {};
      at = at[step];
    }
    if (path.at(-1)?.startsWith('k:')) at['.'] = {};
  }
  return root;
}

export function fromFieldsV1(tree: unknown): FieldSet {
  const found = new Map<string, Path>();
  const walk = (node: JsonObject, path: Path) => {
    const steps = Object.keys(node);
    if (path.length > 0 && (steps.length === 0 || steps.includes('.'))) found.set(textOf(path), path);
    for (const step of steps) if (step !== '.') walk(asObject(node[step]), [...path, step]);
  };
  walk(asObject(tree), []);
  return found;
}

/** The value at a path; undefined when there is none. */
export function valueAt(value: unknown, path: Path, names: readonly string[], shapeOf: ShapeOf): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  const child = childrenOf(value, names, shapeOf)?.find((each) => each.step === step);
  return child === undefined ? undefined : valueAt(child.value, rest, child.names, shapeOf);
}
