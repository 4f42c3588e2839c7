import {
  ACCEPTED,
  allowsNamespace,
  type Labels,
  REASONS,
  type Reason,
  STALLED,
  type StoredExecutor,
  type StoredRelay,
} from '../../api/index.ts';
import type { Finding } from '../conditions/conditions.ts';

/** Something that a human must mend before anything happens. */
export interface Stall {
  readonly reason: Reason;
  readonly message: string;
}

/** What is needed to say whether an executor is taken on. */
export interface ObservedAcceptance {
  readonly executor: Pick<StoredExecutor, 'metadata' | 'spec'>;
  readonly relay: StoredRelay | undefined;
  readonly namespaceEnabled: boolean;
  readonly namespaceLabels: Labels;
  readonly templateProblems: readonly string[];
  /** `NAMESPACE/NAME` of the operator's ServiceAccount. */
  readonly operatorServiceAccount: string;
}

/** Why this executor is not taken on; undefined when it is. The first thing to mend comes first. */
export function decideAcceptance({
  executor,
  relay,
  namespaceEnabled,
  namespaceLabels,
  templateProblems,
  operatorServiceAccount,
}: ObservedAcceptance): Stall | undefined {
  const { namespace } = executor.metadata;
  const wanted = relayOf(executor);
  const relayName = `${wanted.namespace}/${wanted.name}`;
  if (relay === undefined) {
    const message = `There is no Relay ${relayName}. Create it, or set spec.relayRef to another.`;
    return { reason: REASONS.RelayNotFound, message };
  }
  if (!namespaceEnabled) return notEnabled(namespace, operatorServiceAccount);
  if (!allowsNamespace(relay, namespace, namespaceLabels)) {
    return { reason: REASONS.RelayNotAllowed, message: notAllowed(relay, relayName, namespace) };
  }
  if (templateProblems.length > 0) return { reason: REASONS.TemplateRefused, message: templateProblems.join('; ') };
  return undefined;
}

/** The operator has no rights there. The message has the command that gives them. */
export function notEnabled(namespace: string, operatorServiceAccount: string): Stall {
  const account = operatorServiceAccount.replace('/', ':');
  return {
    reason: REASONS.NamespaceNotEnabled,
    message:
      `noisefleet has no rights in namespace ${namespace}. Add it to executorNamespaces of the chart, or: ` +
      `kubectl create rolebinding noisefleet -n ${namespace} --clusterrole=noisefleet-namespace --serviceaccount=${account}`,
  };
}

/** The Relay that an executor names. */
export function relayOf({ metadata, spec }: Pick<StoredExecutor, 'metadata' | 'spec'>): {
  namespace: string;
  name: string;
} {
  return { namespace: spec.relayRef.namespace ?? metadata.namespace, name: spec.relayRef.name };
}

/** The conditions of a stall, without the summary. */
export function stallFindings({ reason, message }: Stall): Finding[] {
  return [{ type: STALLED, status: 'True', reason, message }];
}

/** Whether an executor was taken on. */
export function acceptedFinding(stall: Stall | undefined): Finding {
  if (stall === undefined)
    return { type: ACCEPTED, status: 'True', reason: REASONS.Accepted, message: 'Everything it refers to is there.' };
  return { type: ACCEPTED, status: 'False', ...stall };
}

function notAllowed({ spec }: StoredRelay, relayName: string, namespace: string): string {
  const said = `Relay ${relayName} does not allow namespace ${namespace}.`;
  const { allowedNamespaces } = spec;
  if (allowedNamespaces.from === 'Selector') {
    const labels = Object.entries(allowedNamespaces.selector.matchLabels ?? {}).map(
      ([key, value]) => `${key}=${value}`,
    );
    if (labels.length > 0) {
      return `${said} Ask its owner to run: kubectl label namespace ${namespace} ${labels.join(' ')}; or set spec.relayRef to a relay of your own.`;
    }
  }
  return `${said} Ask its owner to change its spec.allowedNamespaces, or set spec.relayRef to a relay of your own.`;
}
