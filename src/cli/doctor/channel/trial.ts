import {
  type Diagnostics,
  Harness,
  HarnessError,
  type HarnessStep,
  type SessionEvent,
} from '../../../harness/index.ts';
import type { Connection } from '../../connection/connection.ts';

/** What came of a real attempt to reach the executor. */
export type Trial =
  /** Why it was not tried: what has to be mended before. */
  | { readonly kind: 'not_tried'; readonly why: string }
  | {
      readonly kind: 'refused';
      readonly step: HarnessStep;
      readonly code: string;
      readonly status: number | undefined;
      readonly message: string;
    }
  | {
      readonly kind: 'attached';
      readonly diagnostics: Diagnostics;
      /** Milliseconds; undefined when the executor did not answer its first request. */
      readonly roundTripMs: number | undefined;
    };

/** Waiting longer changes nothing: the registry held the call for seconds already. */
const FINAL_AT_ONCE: ReadonlySet<string> = new Set(['environment_offline']);

/**
 * The whole way once, as a harness goes it: connect, relay, Noise handshake, a session, and one request that changes nothing; then the session
 * is left. Never rejects.
 */
export async function tryTheWay({
  environmentId,
  registryUrl,
  credential,
  remoteKeys,
  trust,
}: Connection): Promise<Trial> {
  const enough = new AbortController();
  const onEvent = (event: SessionEvent) => {
    if (event.type === 'retrying' && FINAL_AT_ONCE.has(event.error.code)) enough.abort(event.error);
  };
  try {
    const harness = await Harness.connect({
      environmentId,
      registryUrl,
      credential,
      remoteKeys,
      ...(trust !== undefined && { trust }),
      onEvent,
      signal: enough.signal,
    });
    try {
      const roundTripMs = await harness.roundTrip().catch(() => undefined);
      return { kind: 'attached', diagnostics: harness.diagnostics, roundTripMs };
    } finally {
      harness.close();
    }
  } catch (error) {
    return refusalOf(error);
  }
}

function refusalOf(error: unknown): Trial {
  if (!(error instanceof HarnessError)) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'refused', step: 'connect', code: 'internal', status: undefined, message };
  }
  const { step, code, status, message } = error;
  return { kind: 'refused', step, code, status, message };
}
