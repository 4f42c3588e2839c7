import type { EnvironmentId } from '../../wire/index.ts';
import type { Refusal } from './answer.ts';

/** One request of the public API, as far as the calls may see it. */
export interface Call {
  /** Undefined when the path's id cannot be one: no such environment exists. */
  readonly environmentId: EnvironmentId | undefined;
  /** Undefined when there is none, or one that cannot be good. */
  readonly bearer: string | undefined;
  /** The host that the request named, without its port; decides nothing but which of our addresses is handed out. */
  readonly host: string | undefined;
  /** Milliseconds since the epoch. */
  readonly arrivedAt: number;
  /** Aborted when the caller hangs up. */
  readonly gone: AbortSignal;
  /** The body as text; rejects with a `BodyError`. */
  readonly body: () => Promise<string>;
}

/** What goes back over HTTP. */
export type Answer = Refusal | { readonly kind: 'ok'; readonly body: object };
