/**
 * An instant (milliseconds since the epoch) as `MicroTime`, the type of the times in Leases and `events.k8s.io` Events. The API server reads it with
 * exactly six fraction digits (apimachinery, `RFC3339Micro`): what `Date.toISOString` gives is refused, and an operator would run with no
 * leader.
 */
export function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '000Z');
}

/** Milliseconds since the epoch of an RFC 3339 instant with any number of fraction digits; undefined for anything else. */
export function parseTime(text: string | undefined): number | undefined {
  if (text === undefined || !RFC3339.test(text)) return undefined;
  const at = Date.parse(text.replace(/(\.\d{3})\d+/, '$1'));
  return Number.isNaN(at) ? undefined : at;
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** An instant as `metav1.Time`: whole seconds. */
export function secondTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
