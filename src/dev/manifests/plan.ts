import {
  allowsNamespace,
  type Executor,
  type ExecutorGrant,
  objectName,
  REASONS,
  type Relay,
  type Resource,
  type Subject,
  selects,
} from '../../api/index.ts';
import { type KeyRequests, type RotationPolicy, requestsIn, rotationPolicy } from '../../keys/index.ts';
import { type EnvironmentId, environmentIdOf } from '../../wire/index.ts';

export interface PlannedEnvironment {
  readonly id: EnvironmentId;
  readonly namespace: string;
  readonly name: string;
  readonly runtime: 'BuiltIn' | 'Codex' | 'External';
  readonly sandbox: 'container' | 'enforce';
  readonly workspace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly keys: KeyRequests & {
    readonly policy: RotationPolicy;
  };
  /** Who the client token of this environment belongs to: the first whom a grant lets in, else the developer of the namespace. */
  readonly client: string;
}

interface PlannedGrant {
  /** `namespace/name` */
  readonly name: string;
  readonly identities: readonly string[];
  readonly environments: readonly EnvironmentId[];
  readonly expirationTime?: string;
}

export interface Plan {
  /** `namespace/name` of the one Relay. */
  readonly relay: string;
  readonly environments: readonly PlannedEnvironment[];
  readonly identities: readonly string[];
  readonly grants: readonly PlannedGrant[];
  /** Settings that only a cluster can follow, in sentences. */
  readonly notes: readonly string[];
}

/**
 * What to run for these resources, or what is wrong with them taken together, in sentences. Pure. As in a cluster nobody may
 * connect without a grant; what grants say about ServiceAccounts is kept, and on this machine you act as any of them.
 */
export function planOf(resources: readonly Resource[]): { plan: Plan } | { problems: readonly string[] } {
  const relays = resources.filter((each) => each.kind === 'Relay');
  const executors = resources.filter((each) => each.kind === 'Executor');
  const grants = resources.filter((each) => each.kind === 'ExecutorGrant');
  const [relay] = relays;
  if (relay === undefined) return { problems: ['There is no Relay among the manifests: dev needs one.'] };
  const problems = executors.flatMap((executor) => relayProblems(executor, relays));
  if (relays.length > 1) {
    problems.push(`dev runs one Relay; the manifests have ${relays.map((each) => objectName(each)).join(', ')}.`);
  }
  problems.push(...idProblems(executors));
  if (problems.length > 0) return { problems };
  return { plan: planWith(relay, executors, grants) };
}

function planWith(relay: Relay, executors: readonly Executor[], grants: readonly ExecutorGrant[]): Plan {
  const namespaces = [...executors, ...grants].map(({ metadata }) => metadata.namespace);
  const identities = identitiesOf(grants, namespaces);
  const plannedGrants = grants.map((grant) => planGrant(grant, executors, identities));
  return {
    relay: `${relay.metadata.namespace}/${relay.metadata.name}`,
    environments: executors.map((executor) => planEnvironment(executor, plannedGrants)),
    identities,
    grants: plannedGrants,
    notes: [...executors.flatMap(notesOnExecutor), ...notesOnRelay(relay)],
  };
}

function relayProblems(executor: Executor, relays: readonly Relay[]): string[] {
  const { name, namespace = executor.metadata.namespace } = executor.spec.relayRef;
  const relay = relays.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
  const stalled = (reason: string, message: string) => [`${objectName(executor)} is stalled (${reason}): ${message}`];
  if (relay === undefined) {
    const there = relays.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(', ');
    return stalled(
      REASONS.RelayNotFound,
      `there is no Relay ${namespace}/${name}. Set spec.relayRef to one of: ${there}.`,
    );
  }
  if (allowsNamespace(relay, executor.metadata.namespace)) return [];
  return stalled(
    REASONS.RelayNotAllowed,
    `${objectName(relay)} does not allow namespace ${executor.metadata.namespace}. Set its spec.allowedNamespaces, for example to {from: All}.`,
  );
}

/** Two names can make one id only through a hash; the check costs nothing and a mix-up would be a hole. */
function idProblems(executors: readonly Executor[]): string[] {
  const seen = new Map<string, Executor>();
  return executors.flatMap((executor) => {
    const id = idOf(executor);
    const other = seen.get(id);
    seen.set(id, executor);
    return other === undefined ? [] : [`${objectName(executor)} and ${objectName(other)} would both be ${id}.`];
  });
}

function idOf({ metadata }: Executor): EnvironmentId {
  return environmentIdOf(metadata.namespace, metadata.name);
}

function planEnvironment(executor: Executor, grants: readonly PlannedGrant[]): PlannedEnvironment {
  const { metadata, spec } = executor;
  const id = idOf(executor);
  const [client = developerOf(metadata.namespace)] = grants
    .filter(({ environments }) => environments.includes(id))
    .flatMap(({ identities }) => identities);
  return {
    id,
    namespace: metadata.namespace,
    name: metadata.name,
    runtime: spec.runtime.type,
    sandbox: spec.sandbox.mode === 'Enforce' ? 'enforce' : 'container',
    workspace: spec.workspace.path,
    labels: metadata.labels,
    // On this machine nobody proves who wrote a manifest.
    keys: { policy: rotationPolicy(spec.keys), ...requestsIn(metadata.annotations, false) },
    client,
  };
}

function planGrant(grant: ExecutorGrant, executors: readonly Executor[], identities: readonly string[]): PlannedGrant {
  const { metadata, spec } = grant;
  const selector = spec.executorSelector;
  const reached = executors.filter(
    (executor) =>
      selector && executor.metadata.namespace === metadata.namespace && selects(selector, executor.metadata.labels),
  );
  return {
    name: `${metadata.namespace}/${metadata.name}`,
    identities: [...new Set(spec.subjects.flatMap((subject) => membersOf(subject, metadata.namespace, identities)))],
    environments: reached.map(idOf),
    ...(spec.expirationTime !== undefined && { expirationTime: spec.expirationTime }),
  };
}

function membersOf(subject: Subject, namespace: string, identities: readonly string[]): string[] {
  switch (subject.kind) {
    case 'ServiceAccount':
      return [identityOf(subject.namespace ?? namespace, subject.name)];
    case 'Group':
      return identities.filter((identity) => identity.startsWith(identityOf(namespaceOfGroup(subject.name), '')));
    default:
      return subject satisfies never;
  }
}

/** Every ServiceAccount that a grant names, and `dev` of every namespace: who you are when no grant says otherwise. */
function identitiesOf(grants: readonly ExecutorGrant[], namespaces: readonly string[]): string[] {
  const named = grants.flatMap(({ metadata, spec }) =>
    spec.subjects.map((subject) =>
      subject.kind === 'ServiceAccount'
        ? identityOf(subject.namespace ?? metadata.namespace, subject.name)
        : developerOf(namespaceOfGroup(subject.name)),
    ),
  );
  return [...new Set([...named, ...namespaces.map(developerOf)])].sort();
}

function identityOf(namespace: string, name: string): string {
  return `sa:${namespace}/${name}`;
}

function developerOf(namespace: string): string {
  return identityOf(namespace, 'dev');
}

function namespaceOfGroup(group: string): string {
  return group.slice(group.lastIndexOf(':') + 1);
}

function notesOnExecutor(executor: Executor): string[] {
  const where = objectName(executor);
  const notes: string[] = [];
  if (executor.spec.template !== undefined)
    notes.push(`${where}: spec.template is for a cluster; here commands run as you, on this machine.`);
  if (executor.spec.workspace.type === 'Persistent')
    notes.push(`${where}: spec.workspace.persistent is for a cluster; here the path is a plain folder.`);
  return notes;
}

function notesOnRelay(relay: Relay): string[] {
  const { replicas, registry, tls, external } = relay.spec;
  const notes: string[] = [];
  if (replicas > 1 || registry.replicas > 1)
    notes.push(`${objectName(relay)}: one relay and one registry run here, whatever spec.replicas says.`);
  if (tls.type === 'SecretRef' || external !== undefined)
    notes.push(
      `${objectName(relay)}: spec.tls and spec.external are for a cluster; here everything is on loopback, without TLS.`,
    );
  return notes;
}
