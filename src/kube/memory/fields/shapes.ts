import { asObject, isObject, type JsonObject } from '../json.ts';

/** How the parts of a kind merge (`x-kubernetes-list-type`, `x-kubernetes-map-type`). */
export type Shape =
  | { readonly type: 'granular' }
  | { readonly type: 'atomic' }
  | { readonly type: 'set' }
  /** `defaults`: the value of a key that an item leaves out. `repeatable`: only apply refuses two items of one key. */
  | {
      readonly type: 'map';
      readonly keys: readonly string[];
      readonly defaults?: JsonObject;
      readonly repeatable?: true;
    };

/** The shape of a value by the names of the fields that lead to it, items of lists left out: `spec.template.spec.containers.ports`. */
export type ShapeOf = (path: readonly string[]) => Shape | undefined;

const BY_NAME: Shape = { type: 'map', keys: ['name'] };
const REPEATABLE_BY_NAME: Shape = { ...BY_NAME, repeatable: true };
const ATOMIC: Shape = { type: 'atomic' };
const PROTOCOL = { protocol: 'TCP' };
const CONTAINER_PORTS: Shape = {
  type: 'map',
  keys: ['containerPort', 'protocol'],
  defaults: PROTOCOL,
  repeatable: true,
};

/** Of the built-in kinds, by the last names of the path: what our objects use of their OpenAPI document. */
const BUILT_IN: Readonly<Record<string, Shape>> = {
  'metadata.finalizers': { type: 'set' },
  'metadata.ownerReferences': { type: 'map', keys: ['uid'], repeatable: true },
  'status.conditions': { type: 'map', keys: ['type'] },
  'spec.containers': BY_NAME,
  'spec.initContainers': BY_NAME,
  'spec.volumes': BY_NAME,
  'spec.imagePullSecrets': REPEATABLE_BY_NAME,
  'spec.topologySpreadConstraints': { type: 'map', keys: ['topologyKey', 'whenUnsatisfiable'] },
  'spec.hostAliases': { type: 'map', keys: ['ip'] },
  'spec.ports': { type: 'map', keys: ['port', 'protocol'], defaults: PROTOCOL },
  'containers.ports': CONTAINER_PORTS,
  'initContainers.ports': CONTAINER_PORTS,
  'containers.env': REPEATABLE_BY_NAME,
  'initContainers.env': REPEATABLE_BY_NAME,
  'containers.volumeMounts': { type: 'map', keys: ['mountPath'] },
  'initContainers.volumeMounts': { type: 'map', keys: ['mountPath'] },
  'spec.selector': ATOMIC,
  'spec.podSelector': ATOMIC,
  'spec.nodeSelector': ATOMIC,
  'valueFrom.fieldRef': ATOMIC,
  'valueFrom.secretKeyRef': ATOMIC,
  'valueFrom.configMapKeyRef': ATOMIC,
};

export const builtInShape: ShapeOf = (path) => BUILT_IN[path.slice(-2).join('.')];

/** Of a custom resource, from the structural schema of its CustomResourceDefinition. */
export function schemaShape(schema: JsonObject): ShapeOf {
  return (path) => {
    if (path[0] === 'metadata') return builtInShape(path);
    let at: unknown = schema;
    for (const name of path) {
      const here = asObject(at);
      const holder = isObject(here.items) ? asObject(here.items) : here;
      at = asObject(holder.properties)[name] ?? holder.additionalProperties;
      // Below `x-kubernetes-preserve-unknown-fields` the server knows nothing: maps are granular, lists atomic.
      if (at === undefined) return undefined;
    }
    return shapeOfSchema(asObject(at));
  };
}

function shapeOfSchema(schema: JsonObject): Shape | undefined {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (schema['x-kubernetes-list-type'] === 'map' && Array.isArray(keys)) return { type: 'map', keys: keys.map(String) };
  if (schema['x-kubernetes-list-type'] === 'set') return { type: 'set' };
  return schema['x-kubernetes-map-type'] === 'atomic' ? ATOMIC : undefined;
}
