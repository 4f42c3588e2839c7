/** What kstatus makes of an object: `Current` is done, `InProgress` is waited for, `Failed` ends the waiting. */
export type Kstatus = 'Current' | 'InProgress' | 'Failed' | 'Terminating';

export interface ConditionLike {
  readonly type: string;
  readonly status: string;
  readonly reason?: string | undefined;
}

export interface Observable {
  readonly metadata: { readonly generation?: number | undefined; readonly deletionTimestamp?: unknown };
  readonly status?: {
    readonly observedGeneration?: number | undefined;
    readonly conditions?: readonly ConditionLike[] | undefined;
  };
}

/**
 * The published rules for custom resources, in their order (kubernetes-sigs/cli-utils, `pkg/kstatus/README.md`, "the standard conditions" and
 * "the Ready condition"): Helm, Flux and Argo CD wait by them.
 */
export function kstatusOf({ metadata, status }: Observable): Kstatus {
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  const observed = status?.observedGeneration;
  if (observed !== undefined && observed !== metadata.generation) return 'InProgress';
  const is = (type: string, value: string) =>
    status?.conditions?.some((condition) => condition.type === type && condition.status === value) === true;
  if (is('Reconciling', 'True')) return 'InProgress';
  if (is('Stalled', 'True')) return 'Failed';
  if (is('Ready', 'False') || is('Ready', 'Unknown')) return 'InProgress';
  // An object that says nothing about itself counts as done: that is why ours say from the start that nobody has looked.
  return 'Current';
}
