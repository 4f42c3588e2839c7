import { type Executor, KEYS_READY, POD_READY, READY, REASONS, UPDATE_PENDING } from '../../api/index.ts';
import type { Finding } from '../conditions/conditions.ts';
import { acceptedFinding, type Stall, stallFindings } from '../namespaces/decide.ts';
import type { PodDecision } from './decide.ts';
import type { PodView } from './observe.ts';

export interface ObservedSummary {
  readonly operatingMode: Executor['spec']['operatingMode'];
  /** What a human must mend, if anything; `accepted` is false when it is why the executor was not taken on. */
  readonly stall: Stall | undefined;
  readonly accepted: boolean;
  /** Whether the Relay has said where it is. */
  readonly relayKnown: boolean;
  readonly keys: { readonly type: 'ready' | 'pending' | 'unavailable'; readonly message: string };
  /** Undefined for an executor that was not taken on. */
  readonly pod: PodDecision | undefined;
  /** The pod that counts. */
  readonly view: PodView | undefined;
  /** The Ready condition's reason before, and whether this very pod was there then. */
  readonly wasRegistered: boolean;
}

/** All conditions of an Executor. The summary is the first, and says the first thing that is missing on the way. */
export function summarise(observed: ObservedSummary): Finding[] {
  const { stall, accepted } = observed;
  const ready: Finding = { ...readyFinding(observed), type: READY };
  if (stall !== undefined && !accepted) return [ready, ...stallFindings(stall), acceptedFinding(stall)];
  return [
    ready,
    ...(stall === undefined ? [] : stallFindings(stall)),
    acceptedFinding(undefined),
    keysFinding(observed.keys),
    podFinding(observed),
    ...updateFinding(observed.pod),
  ];
}

function readyFinding(observed: ObservedSummary): Omit<Finding, 'type'> {
  const { stall, operatingMode, relayKnown, keys, view, wasRegistered } = observed;
  if (stall !== undefined) return { status: 'False', reason: REASONS.Stalled, message: stall.message };
  if (operatingMode === 'Suspended') return SUSPENDED;
  if (!relayKnown)
    return { status: 'Unknown', reason: REASONS.RelayNotReady, message: 'The Relay has no addresses yet.' };
  if (keys.type !== 'ready') return { status: 'Unknown', reason: REASONS.KeyPending, message: keys.message };
  if (view === undefined || view.phase === 'Pending') return podFinding(observed);
  if (view.ready) return { status: 'True', reason: REASONS.Registered, message: `Pod ${view.name} is registered.` };
  if (!view.registered && wasRegistered) {
    return {
      status: 'False',
      reason: REASONS.Disconnected,
      message: `Pod ${view.name} runs and is present at no relay.`,
    };
  }
  if (!view.registered) {
    return { status: 'Unknown', reason: REASONS.Registering, message: `Pod ${view.name} runs and registers.` };
  }
  return podFinding(observed);
}

const SUSPENDED: Omit<Finding, 'type'> = {
  status: 'False',
  reason: REASONS.Suspended,
  message: 'spec.operatingMode is Suspended: workspace, keys and identity are kept. Set it to Running to go on.',
};

function keysFinding({ type, message }: ObservedSummary['keys']): Finding {
  switch (type) {
    case 'ready':
      return { type: KEYS_READY, status: 'True', reason: REASONS.KeyAvailable, message };
    case 'pending':
      return { type: KEYS_READY, status: 'Unknown', reason: REASONS.KeyPending, message };
    case 'unavailable':
      return { type: KEYS_READY, status: 'Unknown', reason: REASONS.KeyStoreUnavailable, message };
    default:
      return type satisfies never;
  }
}

function podFinding({ operatingMode, pod, view }: ObservedSummary): Finding {
  if (operatingMode === 'Suspended') return { type: POD_READY, ...SUSPENDED };
  if (view?.ready === true) {
    return { type: POD_READY, status: 'True', reason: REASONS.PodRunning, message: `Pod ${view.name} is ready.` };
  }
  const retryTime = pod?.status?.retryTime;
  if (view === undefined && retryTime !== undefined) {
    const failures = pod?.status?.failures ?? 0;
    const message = `${failures} pods ended one after the other; the next is made at ${retryTime}.`;
    return { type: POD_READY, status: 'False', reason: REASONS.Restarting, message };
  }
  const message = view === undefined ? 'The pod is being made.' : view.message || `Pod ${view.name} is not ready yet.`;
  return { type: POD_READY, status: 'Unknown', reason: REASONS.PodPending, message };
}

function updateFinding(pod: PodDecision | undefined): Finding[] {
  switch (pod?.updateWaits) {
    case 'SessionsRunning': {
      const message =
        'The pod is older than the spec, and it has sessions or nobody knows: it is replaced when they have ended.';
      return [{ type: UPDATE_PENDING, status: 'True', reason: REASONS.SessionsRunning, message }];
    }
    case 'WaitingForDelete': {
      const message = `The pod is older than the spec: delete pod ${pod.status?.name ?? ''} when it suits you.`;
      return [{ type: UPDATE_PENDING, status: 'True', reason: REASONS.WaitingForDelete, message }];
    }
    default:
      return [];
  }
}
