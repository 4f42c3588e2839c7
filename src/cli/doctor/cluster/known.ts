import { isApiError } from '../../../kube/index.ts';

/** Something of the cluster that the caller may or may not read. */
export type Known<Value> =
  | { readonly kind: 'known'; readonly value: Value }
  /** Read, and not there. */
  | { readonly kind: 'absent' }
  /** The caller has no right to it, or the API server does not answer: in words. */
  | { readonly kind: 'unreadable'; readonly why: string }
  /** No cluster is known here. */
  | { readonly kind: 'no_cluster' };

/** An API server that takes longer is the same as away. */
const CALL_MS = 10_000;

/** Never rejects. */
export async function readIfAllowed<Value>(read: (signal: AbortSignal) => Promise<Value>): Promise<Known<Value>> {
  try {
    return { kind: 'known', value: await read(AbortSignal.timeout(CALL_MS)) };
  } catch (error) {
    if (isApiError(error, 'NotFound')) return { kind: 'absent' };
    return { kind: 'unreadable', why: error instanceof Error ? error.message : String(error) };
  }
}
