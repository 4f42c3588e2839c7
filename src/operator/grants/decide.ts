import { READY, REASONS, STALLED, type StoredExecutor, type StoredExecutorGrant, selects } from '../../api/index.ts';
import { parseTime } from '../../kube/index.ts';
import type { Finding } from '../conditions/conditions.ts';

export interface GrantDecision {
  readonly findings: readonly Finding[];
  /** How many executors it selects now. */
  readonly executors: number;
  /** When it expires, in milliseconds; undefined when it does not, or has. */
  readonly nextTime: number | undefined;
}

/** How a grant stands. Registries judge by themselves who may connect; this says it to people. `executors`: those of its namespace. */
export function decideGrant(
  { spec }: Pick<StoredExecutorGrant, 'spec'>,
  executors: readonly Pick<StoredExecutor, 'metadata'>[],
  now: number,
): GrantDecision {
  const selector = spec.executorSelector;
  const selected = selector ? executors.filter(({ metadata }) => selects(selector, metadata.labels)).length : 0;
  const expiresAt = parseTime(spec.expirationTime);
  if (expiresAt !== undefined && expiresAt <= now) {
    const message = `spec.expirationTime (${spec.expirationTime}) has passed: nobody connects by it. Set a later time, or delete the grant.`;
    const expired = { reason: REASONS.Expired, message };
    return {
      findings: [
        { type: READY, status: 'False', ...expired },
        { type: STALLED, status: 'True', ...expired },
      ],
      executors: selected,
      nextTime: undefined,
    };
  }
  const found =
    selected > 0
      ? { reason: REASONS.InForce, message: `Its subjects may connect to ${selected} executors.` }
      : { reason: REASONS.NothingSelected, message: nothing(selector) };
  return { findings: [{ type: READY, status: 'True', ...found }], executors: selected, nextTime: expiresAt };
}

function nothing(selector: StoredExecutorGrant['spec']['executorSelector']): string {
  if (selector) return 'In force, and spec.executorSelector matches no executor of this namespace.';
  return 'In force, and spec.executorSelector is not set, which selects nothing; {} selects all of this namespace.';
}
