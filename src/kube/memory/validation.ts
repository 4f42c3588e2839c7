import { duplicatesIn } from './fields/duplicates.ts';
import { asObject, type JsonObject, metadataOf, metaText } from './json.ts';
import type { Kind } from './kinds.ts';
import { Refusal } from './refusal.ts';

/** apimachinery, `RFC3339Micro`: exactly six digits. */
const MICRO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}(Z|[+-]\d{2}:\d{2})$/;
const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/** The rules of the real server that our own mistakes would break. */
export function validate({ kind, shapeOf }: Kind, object: JsonObject, before: JsonObject | undefined): void {
  const name = metaText(object, 'name');
  if (name.length > 253 || !NAME.test(name)) throw invalid(kind, name, 'metadata.name', `Invalid value: "${name}"`);
  const spec = asObject(object.spec);
  if (kind === 'Lease') {
    checkMicroTime(kind, name, 'spec.acquireTime', spec.acquireTime);
    checkMicroTime(kind, name, 'spec.renewTime', spec.renewTime);
  }
  if (kind === 'Event') validateEvent(name, object, before);
  const twice = duplicatesIn(object, shapeOf).find(({ repeatable }) => !repeatable);
  if (twice === undefined) return;
  const field = `${twice.list}[${twice.index}]`;
  throw invalid(kind, name, field, `Duplicate value: ${twice.key}`, 'FieldValueDuplicate');
}

/** Apply finds items by their keys: it takes no list in which two have the same. The real server calls this an error of its own. */
export function validateApplied({ group, version, kind, shapeOf }: Kind, config: JsonObject): void {
  const duplicates = duplicatesIn(config, shapeOf);
  if (duplicates.length === 0) return;
  const object = `${metaText(config, 'namespace')}/${metaText(config, 'name')}`;
  const type = `${group}/${version}, Kind=${kind}`;
  const lists = duplicates.map(({ list, key }) => `.${list}: duplicate entries for key [${key}]`).join(', ');
  throw new Refusal(500, 'InternalError', `failed to create typed patch object (${object}; ${type}): ${lists}`);
}

function validateEvent(name: string, object: JsonObject, before: JsonObject | undefined): void {
  checkMicroTime('Event', name, 'eventTime', object.eventTime);
  const series = asObject(object.series);
  checkMicroTime('Event', name, 'series.lastObservedTime', series.lastObservedTime);
  if (object.series !== undefined && !(Number(series.count) >= 2)) {
    throw invalid('Event', name, 'series.count', 'should be at least 2');
  }
  if (before !== undefined) return;
  for (const field of ['reason', 'action', 'reportingController', 'reportingInstance', 'eventTime']) {
    if (!object[field]) throw invalid('Event', name, field, 'Required value');
  }
  const regarding = asObject(object.regarding);
  if ((regarding.namespace ?? 'default') !== metadataOf(object).namespace) {
    throw invalid('Event', name, 'involvedObject.namespace', 'does not match event.namespace');
  }
  if (Buffer.byteLength(String(object.note ?? '')) > 1024)
    throw invalid('Event', name, 'note', 'can have at most 1024 bytes');
}

function checkMicroTime(kind: string, name: string, field: string, value: unknown): void {
  if (value === undefined || value === null || MICRO_TIME.test(String(value))) return;
  throw new Refusal(
    400,
    'BadRequest',
    `${kind} ${name}: ${field}: parsing time "${value}" as "2006-01-02T15:04:05.000000Z07:00"`,
  );
}

function invalid(kind: string, name: string, field: string, message: string, reason = 'FieldValueInvalid'): Refusal {
  const causes = [{ reason, field, message }];
  return new Refusal(422, 'Invalid', `${kind} "${name}" is invalid: ${field}: ${message}`, causes);
}
