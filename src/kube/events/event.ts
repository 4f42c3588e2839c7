import { createHash } from 'node:crypto';
import { microTime } from '../objects/micro-time.ts';
import type { KubeObject } from '../objects/object.ts';

/** Limits of `events.k8s.io/v1` (apiserver, `core/validation/events.go`). */
const MAX_REASON_LENGTH = 128;
const MAX_ACTION_LENGTH = 128;
const MAX_INSTANCE_LENGTH = 128;
const MAX_NOTE_BYTES = 1024;
/** Names of objects, and the part that is left for the object's own name. */
const MAX_NAME_LENGTH = 253;
const SUFFIX_LENGTH = 16;

/** What happened, once (`conventions.md` 12). */
export interface Occurrence {
  readonly type: 'Normal' | 'Warning';
  /** Verb-past and CamelCase: `KeyRotated`. */
  readonly reason: string;
  /** What we did or tried: `Rotate`. */
  readonly action: string;
  /** For people; at most 1,024 bytes are kept. */
  readonly note: string;
  readonly related?: KubeObject | undefined;
}

export interface Reporter {
  /** A qualified name: `noisefleet.dev/operator`. */
  readonly reportingController: string;
  /** Which process: the pod's name. */
  readonly reportingInstance: string;
}

/** Occurrences of the same key are one Event with a series. */
export function occurrenceKey(regarding: KubeObject, { type, reason, action, note, related }: Occurrence): string {
  return JSON.stringify([regarding.metadata.uid, type, reason, action, note, related?.metadata.uid ?? '']);
}

/** The Event of a first occurrence at `at` (milliseconds since the epoch). */
export function eventOf(regarding: KubeObject, occurrence: Occurrence, reporter: Reporter, at: number) {
  const { type, reason, action, note, related } = occurrence;
  const key = occurrenceKey(regarding, occurrence);
  const suffix = createHash('sha256').update(`${reporter.reportingInstance} ${at} ${key}`).digest('hex');
  const name = regarding.metadata.name.slice(0, MAX_NAME_LENGTH - SUFFIX_LENGTH - 1);
  return {
    metadata: {
      // Events of cluster-scoped objects are kept in `default`.
      namespace: regarding.metadata.namespace ?? 'default',
      name: `${name.replace(/[^a-z0-9]+$/, '')}.${suffix.slice(0, SUFFIX_LENGTH)}`,
    },
    eventTime: microTime(at),
    reportingController: reporter.reportingController,
    reportingInstance: reporter.reportingInstance.slice(0, MAX_INSTANCE_LENGTH),
    type,
    reason: reason.slice(0, MAX_REASON_LENGTH),
    action: action.slice(0, MAX_ACTION_LENGTH),
    note: cutToBytes(note, MAX_NOTE_BYTES),
    regarding: referenceTo(regarding),
    ...(related === undefined ? {} : { related: referenceTo(related) }),
  };
}

function referenceTo({ apiVersion, kind, metadata: { name, namespace, uid, resourceVersion } }: KubeObject) {
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion };
}

/** At most so many bytes of UTF-8, never half a character. */
export function cutToBytes(text: string, limit: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= limit) return bytes.toString('utf8');
  let end = limit - Buffer.byteLength(ELLIPSIS);
  // Continuation bytes are 10xxxxxx: step back to the start of the character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end) + ELLIPSIS;
}

const ELLIPSIS = '…';
