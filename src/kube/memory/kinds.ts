import * as builtIn from '../objects/builtin.ts';
import type { Resource } from '../objects/resource.ts';
import { builtInShape, type ShapeOf, schemaShape } from './fields/shapes.ts';
import { asObject, isObject, type JsonObject } from './json.ts';

/** What the server in memory knows of a kind. */
export interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Status is written by its subresource only. */
  readonly hasStatus: boolean;
  readonly shapeOf: ShapeOf;
}

const WITHOUT_STATUS: ReadonlySet<string> = new Set(['Secret', 'ConfigMap', 'ServiceAccount', 'Lease', 'Event']);

export function builtInKinds(): Kind[] {
  const descriptors = Object.values(builtIn) as Omit<Resource, 'parse'>[];
  return descriptors.map(({ group, version, kind, plural, namespaced }) => {
    return { group, version, kind, plural, namespaced, hasStatus: !WITHOUT_STATUS.has(kind), shapeOf: builtInShape };
  });
}

/** The kinds that a CustomResourceDefinition makes the server serve. */
export function kindsOfDefinition(definition: JsonObject): Kind[] {
  const { group, scope, names, versions } = asObject(definition.spec);
  const { kind, plural } = asObject(names);
  const served = Array.isArray(versions) ? versions.map(asObject).filter((version) => version.served === true) : [];
  return served.map((version) => ({
    group: String(group),
    version: String(version.name),
    kind: String(kind),
    plural: String(plural),
    namespaced: scope === 'Namespaced',
    hasStatus: isObject(asObject(version.subresources).status),
    shapeOf: schemaShape(asObject(asObject(version.schema).openAPIV3Schema)),
  }));
}
