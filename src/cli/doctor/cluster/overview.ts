import { READY, REASONS, STALLED, type StoredExecutor, type StoredRelay } from '../../../api/index.ts';
import { type Finding, found } from '../finding.ts';
import type { Known } from './known.ts';

/** Objects named in one sentence. */
const MOST_NAMED = 5;

/** A Deployment of the operator, as far as it matters here. */
export interface OperatorDeployment {
  readonly namespace: string;
  readonly name: string;
  readonly replicas: number;
  readonly readyReplicas: number;
  /** Of the label `app.kubernetes.io/version`. */
  readonly version: string | undefined;
}

/** One thing that people who use noisefleet do, and whether the caller may. */
export interface Right {
  /** As `kubectl auth can-i` writes it: `get executors.noisefleet.dev`. */
  readonly what: string;
  readonly allowed: boolean;
}

/** The cluster as far as the caller may see it. */
export interface ClusterFacts {
  readonly namespace: string;
  /** Plural names of our kinds that the API server serves. */
  readonly kinds: Known<readonly string[]>;
  readonly operators: Known<readonly OperatorDeployment[]>;
  readonly relays: Known<readonly StoredRelay[]>;
  readonly executors: Known<readonly StoredExecutor[]>;
  readonly rights: Known<readonly Right[]>;
}

/** What has to be there before any executor can be. */
export function clusterFindings(facts: ClusterFacts): Finding[] {
  return [crds(facts), operator(facts), relays(facts), enabledNamespaces(facts), rights(facts)];
}

const OUR_PLURALS = ['relays', 'executors', 'executorgrants'] as const;

function crds({ kinds }: ClusterFacts): Finding {
  if (kinds.kind === 'unreadable' || kinds.kind === 'no_cluster') return notReadable('crds', kinds);
  const served = kinds.kind === 'known' ? kinds.value : [];
  const missing = OUR_PLURALS.filter((plural) => !served.includes(plural));
  if (missing.length === 0) {
    return found('crds', 'crds_installed', `noisefleet.dev/v1alpha1 serves ${OUR_PLURALS.join(', ')}`);
  }
  return found(
    'crds',
    'crds_missing',
    `noisefleet.dev/v1alpha1 does not serve ${missing.join(', ')}`,
    'helm install noisefleet charts/noisefleet -n noisefleet --create-namespace',
  );
}

function operator({ operators }: ClusterFacts): Finding {
  if (operators.kind === 'unreadable' || operators.kind === 'no_cluster') return notReadable('operator', operators);
  const [first] = operators.kind === 'known' ? operators.value : [];
  if (first === undefined) {
    return found(
      'operator',
      'operator_not_found',
      'there is none: nobody acts on Relays and Executors',
      'helm install noisefleet charts/noisefleet -n noisefleet --create-namespace',
    );
  }
  const { namespace, name, replicas, readyReplicas, version } = first;
  const says = `${namespace}/${name}${version === undefined ? '' : `, version ${version}`}: ${readyReplicas} of ${replicas} ready`;
  if (readyReplicas > 0) return found('operator', 'operator_ready', says);
  return found('operator', 'operator_not_ready', says, `kubectl describe deployment ${name} -n ${namespace}`);
}

function relays({ relays: known }: ClusterFacts): Finding {
  if (known.kind === 'unreadable' || known.kind === 'no_cluster') return notReadable('relays', known);
  const all = known.kind === 'known' ? known.value : [];
  if (all.length === 0) {
    return found(
      'relays',
      'no_relays',
      'there are none that you may see',
      'kubectl apply -f config/samples/quickstart',
    );
  }
  const waiting = all.filter(({ status }) => conditionOf(status, READY)?.status !== 'True');
  const [first] = waiting;
  if (first === undefined) return found('relays', 'relays_ready', `${all.length} of ${all.length} Ready`);
  const told = waiting.slice(0, MOST_NAMED).map(({ metadata, status }) => {
    const ready = conditionOf(status, READY);
    return `${metadata.namespace}/${metadata.name} (${ready?.reason ?? 'not looked at yet'})`;
  });
  return found(
    'relays',
    'relays_not_ready',
    `${all.length - waiting.length} of ${all.length} Ready; not: ${told.join(', ')}`,
    `kubectl describe relay ${first.metadata.name} -n ${first.metadata.namespace}`,
  );
}

/** A namespace is known to be enabled, or not, by what the operator says of the objects in it. */
function enabledNamespaces({ relays: ofRelays, executors }: ClusterFacts): Finding {
  if (executors.kind === 'unreadable' || executors.kind === 'no_cluster') return notReadable('namespaces', executors);
  const all = [
    ...(executors.kind === 'known' ? executors.value : []),
    ...(ofRelays.kind === 'known' ? ofRelays.value : []),
  ];
  const stalls = all.flatMap(({ metadata, status }) => {
    const stalled = conditionOf(status, STALLED);
    const isNotEnabled = stalled?.status === 'True' && stalled.reason === REASONS.NamespaceNotEnabled;
    return isNotEnabled ? [{ namespace: metadata.namespace, message: stalled.message }] : [];
  });
  const [first] = stalls;
  const used = new Set(all.map(({ metadata }) => metadata.namespace));
  if (first === undefined) {
    return found(
      'namespaces',
      'namespaces_enabled',
      `${used.size} with Relays or Executors, and the operator may work in each`,
    );
  }
  const names = [...new Set(stalls.map(({ namespace }) => namespace))];
  return found(
    'namespaces',
    'namespace_not_enabled',
    `the operator has no rights in ${names.slice(0, MOST_NAMED).join(', ')}`,
    first.message,
  );
}

function rights({ rights: known, namespace }: ClusterFacts): Finding {
  if (known.kind !== 'known') return notReadable('rights', known.kind === 'absent' ? { kind: 'no_cluster' } : known);
  const may = known.value.filter(({ allowed }) => allowed).map(({ what }) => what);
  const mayNot = known.value.filter(({ allowed }) => !allowed).map(({ what }) => what);
  if (mayNot.length === 0) return found('rights', 'rights_enough', `in ${namespace} you may ${may.join(', ')}`);
  return found(
    'rights',
    'rights_missing',
    `in ${namespace} you may ${may.join(', ') || 'do nothing of this'}; not ${mayNot.join(', ')}`,
    `Not everybody needs all: docs/rbac.md. To see:  kubectl create rolebinding NAME -n ${namespace} --clusterrole=noisefleet-view --user=YOU`,
  );
}

function conditionOf(status: StoredRelay['status'] | StoredExecutor['status'], type: string) {
  return status.conditions.find((each) => each.type === type);
}

function notReadable(
  check: 'crds' | 'operator' | 'relays' | 'namespaces' | 'rights',
  known: { readonly kind: 'unreadable'; readonly why: string } | { readonly kind: 'no_cluster' },
): Finding {
  if (known.kind === 'no_cluster')
    return found(check, 'no_cluster', 'no cluster is known here', 'Name one with --kubeconfig or --context.');
  return found(check, 'not_readable', `you may not read them: ${known.why}`);
}
