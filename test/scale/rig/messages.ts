import type { EnvironmentId } from '../../../src/wire/index.ts';

/** What a session is to do. */
export interface SessionPlan {
  readonly id: number;
  readonly environmentId: EnvironmentId;
  readonly registryUrl: string;
  /** Travels over the pipe between parent and child, never in arguments. */
  readonly token: string;
  /** Between two lines of the command that prints. */
  readonly lineEveryMs: number;
  /** Characters of a line beside its number. */
  readonly lineLength: number;
  /** Also data toward the executor. */
  readonly input: boolean;
}

/** From the rig to a process of clients. */
export type ToClients =
  | { readonly type: 'open'; readonly plan: SessionPlan }
  /** Each session answers with the next output that is surely younger than this. */
  | { readonly type: 'look'; readonly number: number }
  /** Every command is told to end, and what it printed is checked. */
  | { readonly type: 'finish' };

/** Of one session, once it is over. */
export interface SessionReport {
  readonly id: number;
  readonly lines: number;
  readonly bytes: number;
  /** Undefined: complete and in order, and the sums agree. */
  readonly problem: string | undefined;
  /** Lines that went the other way, and how that went. */
  readonly inputLines: number;
  readonly inputProblem: string | undefined;
  /** Connections that it took. */
  readonly connections: number;
}

/** No output came for longer than usual. Times are of the machine's clock, in milliseconds. */
export interface Gap {
  readonly id: number;
  /** When the last output before it came. */
  readonly from: number;
  readonly milliseconds: number;
}

/** What the client library said of its connection. */
export interface Transition {
  readonly id: number;
  readonly at: number;
  readonly event: 'attached' | 'disconnected' | 'retrying' | 'gave_up';
  readonly code?: string;
}

/** From a process of clients to the rig. */
export type FromClients =
  | { readonly type: 'streaming'; readonly id: number }
  | { readonly type: 'heard'; readonly id: number; readonly number: number }
  | { readonly type: 'gap'; readonly gap: Gap }
  | { readonly type: 'transition'; readonly transition: Transition }
  | { readonly type: 'report'; readonly report: SessionReport };
