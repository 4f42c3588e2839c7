import { isObject } from '../json.ts';
import { stepOf } from './field-set.ts';
import type { ShapeOf } from './shapes.ts';

/** An item of a keyed list or of a set that stands there a second time. */
export interface Duplicate {
  /** The list: `spec.parts`. */
  readonly list: string;
  /** Where in it the second one is. */
  readonly index: number;
  /** What finds an item, as JSON: the keys of a keyed list, the value of a set. */
  readonly key: string;
  /** Whether a write that is no apply takes it nevertheless. */
  readonly repeatable: boolean;
}

/** Every duplicate in an object. */
export function duplicatesIn(object: object, shapeOf: ShapeOf): Duplicate[] {
  const found: Duplicate[] = [];
  collect(object, { names: [], field: '' }, shapeOf, found);
  return found;
}

interface At {
  /** As shapes are found by: without the places in lists. */
  readonly names: readonly string[];
  readonly field: string;
}

function collect(value: unknown, { names, field }: At, shapeOf: ShapeOf, found: Duplicate[]): void {
  if (Array.isArray(value)) {
    const shape = shapeOf(names);
    const seen = new Set<string>();
    for (const [index, item] of value.entries()) {
      if (shape?.type === 'map' || shape?.type === 'set') {
        const step = stepOf(item, shape);
        const repeatable = shape.type === 'map' && shape.repeatable === true;
        if (seen.has(step)) found.push({ list: field, index, key: step.slice('k:'.length), repeatable });
        seen.add(step);
      }
      collect(item, { names, field: `${field}[${index}]` }, shapeOf, found);
    }
  } else if (isObject(value)) {
    for (const [name, child] of Object.entries(value)) {
      collect(child, { names: [...names, name], field: field === '' ? name : `${field}.${name}` }, shapeOf, found);
    }
  }
}
