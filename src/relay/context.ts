import type { Clock, Logger } from '../telemetry/index.ts';
import type { BootId, EnvironmentId } from '../wire/index.ts';
import type { ChunkPool } from './flow/chunk-pool.ts';
import type { ProcessBudget } from './flow/process-budget.ts';
import type { TurnEnd } from './flow/turn-end.ts';
import type { HandshakeGate } from './handshakes.ts';
import type { RelayLimits } from './limits.ts';
import type { Measures } from './measures/measures.ts';
import type { Traffic } from './meters.ts';

/** What every socket of one relay shares. */
export interface RelayContext {
  readonly bootId: BootId;
  readonly limits: RelayLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly traffic: Traffic;
  readonly measures: Measures;
  readonly pool: ChunkPool;
  readonly turnEnd: TurnEnd;
  /** What waits in this process: toward harnesses, and toward executors. */
  readonly budgets: { readonly backlog: ProcessBudget; readonly uploads: ProcessBudget };
  readonly gate: HandshakeGate;
  /** Tells the registries that an identity is refused at an environment until `untilMs`. */
  readonly penalise: (identityHash: string, environmentId: EnvironmentId, untilMs: number) => void;
}
