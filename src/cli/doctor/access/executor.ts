import { READY, REASONS, STALLED, type StoredExecutor } from '../../../api/index.ts';
import type { Known } from '../cluster/known.ts';
import { type Finding, found } from '../finding.ts';

/** Whether the executor itself is well, as its conditions say it. `label` is `NAMESPACE/NAME`. */
export function executorFinding(label: string, executor: Known<StoredExecutor>): Finding {
  const [namespace, name] = label.split('/');
  switch (executor.kind) {
    case 'no_cluster':
      return found('executor', 'no_cluster', 'its conditions are in the cluster, and no kubeconfig is here');
    case 'unreadable':
      return found('executor', 'not_readable', `you may not read it: ${executor.why}`);
    case 'absent':
      return found(
        'executor',
        'executor_not_found',
        `there is no Executor ${label}`,
        `kubectl get executors -n ${namespace}`,
      );
    case 'known':
      return ofConditions(executor.value, `kubectl describe executor ${name} -n ${namespace}`);
    default:
      return executor satisfies never;
  }
}

function ofConditions({ metadata, status }: StoredExecutor, describe: string): Finding {
  const ready = status.conditions.find(({ type }) => type === READY);
  const stalled = status.conditions.find(({ type, status: is }) => type === STALLED && is === 'True');
  // `REASON: message`: the message has what to do.
  const told = (condition: { readonly reason: string; readonly message: string }) =>
    `${condition.reason}: ${condition.message}`;
  if (ready === undefined || (ready.observedGeneration ?? 0) < metadata.generation) {
    return found('executor', 'executor_waits', 'the operator has not looked at its present spec yet', describe);
  }
  if (stalled !== undefined) return found('executor', 'executor_stalled', told(stalled), describe);
  if (ready.status === 'True') return found('executor', 'executor_ready', told(ready));
  if (ready.reason === REASONS.Suspended) {
    return found('executor', 'executor_waits', told(ready), `noisefleet resume ${metadata.name}`);
  }
  return found('executor', ready.status === 'Unknown' ? 'executor_waits' : 'executor_not_ready', told(ready), describe);
}
