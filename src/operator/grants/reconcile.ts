import { writeStatus } from '../conditions/write-status.ts';
import { deletingFindings } from '../deletion/deleting.ts';
import { executorGrants } from '../own-kinds.ts';
import type { World } from '../world.ts';
import { decideGrant } from './decide.ts';

/** Says how one grant stands. */
export async function reconcileGrant(
  world: World,
  ref: { namespace: string; name: string },
  signal: AbortSignal,
): Promise<{ requeueAt: number } | undefined> {
  const grant = world.stores.grants.get(ref);
  if (grant === undefined) return undefined;
  if (grant.metadata.deletionTimestamp !== undefined) {
    await writeStatus(world, executorGrants, grant, { status: grant.status, findings: deletingFindings([]) }, signal);
    return undefined;
  }
  const executors = world.stores.executors.list(ref.namespace);
  const decision = decideGrant(grant, executors, world.clock.now());
  const status = { ...grant.status, executors: decision.executors };
  await writeStatus(world, executorGrants, grant, { status, findings: decision.findings }, signal);
  return decision.nextTime === undefined ? undefined : { requeueAt: decision.nextTime };
}
