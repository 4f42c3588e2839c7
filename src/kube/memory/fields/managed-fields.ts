import { asObject, type JsonObject, metadataOf, sameJson, withMeta } from '../json.ts';
import { Refusal } from '../refusal.ts';
import { type FieldSet, fieldsOf, fromFieldsV1, ownable, type Path, textOf, toFieldsV1, valueAt } from './field-set.ts';
import { mergeValue, without } from './merge.ts';
import type { ShapeOf } from './shapes.ts';

/** Who writes, and how: part of a managed-fields entry's identity. */
export interface Writer {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly subresource: string | undefined;
}

interface Entry extends Writer {
  readonly fields: FieldSet;
}

export interface ApplyInput {
  /** Undefined: the object is made. */
  readonly live: JsonObject | undefined;
  readonly config: JsonObject;
  readonly writer: Writer;
  readonly force: boolean;
  readonly shapeOf: ShapeOf;
  readonly now: string;
}

/** Server-side apply (KEP-555): the object after it, managed fields included. Throws a `Conflict`. */
export function applyConfig({ live, config, writer, force, shapeOf, now }: ApplyInput): JsonObject {
  const entries = live === undefined ? [] : entriesOf(live);
  const current = live === undefined ? {} : ownable(live);
  const wanted = ownable(config);
  const fields = fieldsOf(wanted, shapeOf);
  const conflicts = conflictsOf(entries, writer, fields, (path) => {
    return !sameJson(valueAt(current, path, [], shapeOf), valueAt(wanted, path, [], shapeOf));
  });
  if (conflicts.length > 0 && !force) throw conflictRefusal(conflicts);

  const others = entries
    .filter((entry) => !isSame(entry, writer))
    .map((entry) =>
      minus(
        entry,
        conflicts.map(({ path }) => path),
      ),
    );
  let merged: unknown = current;
  for (const [text, path] of entries.find((entry) => isSame(entry, writer))?.fields ?? []) {
    const shared = others.some((entry) => entry.fields.has(text) || hasBelow(entry.fields, path));
    if (!fields.has(text) && !hasBelow(fields, path) && !shared) merged = without(merged, path, [], shapeOf) ?? {};
  }
  merged = mergeValue(merged, wanted, [], shapeOf);
  const object = rebuilt(live ?? config, asObject(merged));
  return withEntries(object, [...others, { ...writer, fields }], live, now);
}

/** A plain write: its manager owns what it changed, and nobody owns what it removed. */
export function trackUpdate(
  live: JsonObject | undefined,
  after: JsonObject,
  writer: Writer,
  shapeOf: ShapeOf,
  now: string,
): JsonObject {
  const before = live === undefined ? {} : ownable(live);
  const content = ownable(after);
  const fields = fieldsOf(content, shapeOf);
  const changed: Path[] = [];
  for (const path of fields.values()) {
    if (!sameJson(valueAt(before, path, [], shapeOf), valueAt(content, path, [], shapeOf))) changed.push(path);
  }
  const gone = [...fieldsOf(before, shapeOf).values()].filter((path) => !fields.has(textOf(path)));
  const entries = live === undefined ? [] : entriesOf(live);
  const own = entries.find((entry) => isSame(entry, writer));
  const others = entries.filter((entry) => entry !== own).map((entry) => minus(entry, [...changed, ...gone]));
  const kept = own === undefined ? new Map<string, Path>() : new Map(minus(own, gone).fields);
  for (const path of changed) kept.set(textOf(path), path);
  return withEntries(after, [...others, { ...writer, fields: kept }], live, now);
}

interface FieldConflict {
  readonly path: Path;
  readonly manager: string;
}

function conflictsOf(
  entries: readonly Entry[],
  writer: Writer,
  fields: FieldSet,
  differs: (path: Path) => boolean,
): FieldConflict[] {
  const conflicts: FieldConflict[] = [];
  for (const entry of entries) {
    if (isSame(entry, writer)) continue;
    for (const [text, path] of fields) {
      if (entry.fields.has(text) && differs(path)) conflicts.push({ path, manager: entry.manager });
    }
  }
  return conflicts;
}

function conflictRefusal(conflicts: readonly FieldConflict[]): Refusal {
  const causes = conflicts.map(({ path, manager }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with "${manager}"`,
    field: path.map((step) => (step.startsWith('f:') ? `.${step.slice(2)}` : `[${step.slice(2)}]`)).join(''),
  }));
  const message = `Apply failed with ${conflicts.length} conflict${conflicts.length === 1 ? '' : 's'}`;
  return new Refusal(409, 'Conflict', message, causes);
}

/** The parts of metadata that are not owned stay as they are. */
function rebuilt(base: JsonObject, content: JsonObject): JsonObject {
  const { metadata: owned, ...fields } = content;
  const meta = metadataOf(base);
  const unowned = Object.fromEntries(
    Object.entries(meta).filter(([key]) => !Object.hasOwn(asObject(ownable(base).metadata), key)),
  );
  return { apiVersion: base.apiVersion, kind: base.kind, ...fields, metadata: { ...unowned, ...asObject(owned) } };
}

function isSame(a: Writer, b: Writer): boolean {
  return a.manager === b.manager && a.operation === b.operation && (a.subresource ?? '') === (b.subresource ?? '');
}

function minus(entry: Entry, paths: readonly Path[]): Entry {
  if (paths.length === 0) return entry;
  const fields = new Map(entry.fields);
  for (const path of paths) fields.delete(textOf(path));
  return { ...entry, fields };
}

function hasBelow(fields: FieldSet, path: Path): boolean {
  const prefix = `${textOf(path)}\u0000`;
  return [...fields.keys()].some((text) => text.startsWith(prefix));
}

function entriesOf(object: JsonObject): Entry[] {
  const entries = metadataOf(object).managedFields;
  if (!Array.isArray(entries)) return [];
  return entries.map(asObject).map(({ manager, operation, subresource, fieldsV1 }) => ({
    manager: String(manager),
    operation: operation === 'Apply' ? 'Apply' : 'Update',
    subresource: typeof subresource === 'string' ? subresource : undefined,
    fields: fromFieldsV1(fieldsV1),
  }));
}

/** An entry whose fields did not change keeps its time: a write that changes nothing stores nothing. */
function withEntries(
  object: JsonObject,
  entries: readonly Entry[],
  live: JsonObject | undefined,
  now: string,
): JsonObject {
  const before = live === undefined ? [] : metadataOf(live).managedFields;
  const known = Array.isArray(before) ? before.map(asObject) : [];
  const managedFields = entries
    .filter(({ fields }) => fields.size > 0)
    .map(({ manager, operation, subresource, fields }) => {
      const fieldsV1 = toFieldsV1(fields);
      const same = known.find(
        (each) => each.manager === manager && each.operation === operation && each.subresource === subresource,
      );
      const time = same !== undefined && sameJson(same.fieldsV1, fieldsV1) ? same.time : now;
      const common = { manager, operation, apiVersion: object.apiVersion, time, fieldsType: 'FieldsV1', fieldsV1 };
      return subresource === undefined ? common : { ...common, subresource };
    });
  return withMeta(object, { managedFields });
}
