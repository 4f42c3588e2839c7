import { nearestName, type StoredExecutor, type StoredRelay } from '../../api/index.ts';
import { ALL_NAMESPACES, Informer, isApiError, type ObjectApi } from '../../kube/index.ts';
import { createLogger, systemClock } from '../../telemetry/index.ts';
import { CliError } from '../client/cli-error.ts';
import { bindRole, explainApi } from '../cluster/api-refusal.ts';
import { executors, relays, type Seen } from '../cluster/kinds.ts';
import type { Observed } from './fleet.ts';

/** Which objects are asked about. */
export interface Question {
  /** Undefined: all of them. */
  readonly namespace: string | undefined;
  readonly labelSelector: string | undefined;
  /** Of executors; none means all. */
  readonly names: readonly string[];
}

/**
 * What the API server says now. Relays of other namespaces are left out where they may not be read.
 *
 * @throws CliError `forbidden`, `not_found`, `unauthenticated`, `api_unreachable`
 */
export async function observeFleet(api: ObjectApi, question: Question): Promise<Observed> {
  const { namespace, labelSelector } = question;
  try {
    const { items } = await api.list(executors, { namespace, labelSelector });
    const chosen = choose(items, question);
    const listed = isWhole(question) ? (await api.list(relays, { namespace })).items : [];
    const known = new Set(listed.map(nameOf));
    const others = await Promise.all(
      relaysOf(chosen)
        .filter((name) => !known.has(name))
        .map((name) => relayIfReadable(api, name)),
    );
    return observed(chosen, [...listed, ...others.filter((each) => each !== undefined)], question);
  } catch (error) {
    throw explainList(error, namespace);
  }
}

/**
 * The same, told at once and again at each change, until the signal aborts.
 *
 * @throws as `observeFleet`, for what is wrong at the start; later failures are waited out
 */
export async function followFleet(
  api: ObjectApi,
  question: Question,
  tell: (observed: Observed) => void,
  signal: AbortSignal,
): Promise<void> {
  const first = await observeFleet(api, question);
  const { namespace, labelSelector } = question;
  const common = { api, clock: systemClock, log: createLogger({ component: 'status', level: 'silent' }) };
  const ofExecutors = new Informer({
    ...common,
    resource: executors,
    ...(labelSelector !== undefined && { labelSelector }),
  });
  const ofRelays = new Informer({ ...common, resource: relays });
  ofExecutors.follow(namespace === undefined ? ALL_NAMESPACES : [namespace]);
  // Those that could be read once; a namespace that may not be read is left alone.
  const spaces = new Set(first.relays.map(({ metadata }) => metadata.namespace ?? ''));
  ofRelays.follow(namespace === undefined ? ALL_NAMESPACES : [...spaces, ...(isWhole(question) ? [namespace] : [])]);
  const informers = [ofExecutors, ofRelays];
  const look = () => {
    if (!informers.every((informer) => informer.synced())) return;
    const chosen = ofExecutors.store.list().filter((each) => isChosen(each, question));
    const wanted = new Set(relaysOf(chosen));
    const seen = ofRelays.store.list().filter((each) => isWhole(question) || wanted.has(nameOf(each)));
    tell(observed(chosen, seen, question));
  };
  tell(first);
  ofExecutors.onChange(look);
  ofRelays.onChange(look);
  const running = informers.map((informer) => informer.run(signal));
  // What changed since the first look; stopped before that, there is nothing to say.
  Promise.all(informers.map((informer) => informer.whenSynced(signal))).then(look, () => {});
  await Promise.all(running);
}

/** Whether the question is about a place and not about some executors of it. */
function isWhole({ labelSelector, names }: Question): boolean {
  return labelSelector === undefined && names.length === 0;
}

function observed(
  chosen: readonly Seen<StoredExecutor>[],
  seen: readonly Seen<StoredRelay>[],
  question: Question,
): Observed {
  return { executors: chosen, relays: seen, all: question.namespace === undefined && isWhole(question) };
}

function choose(items: readonly Seen<StoredExecutor>[], question: Question): readonly Seen<StoredExecutor>[] {
  const known = items.map(({ metadata }) => metadata.name);
  const missing = question.names.find((name) => !known.includes(name));
  if (missing === undefined) return items.filter((each) => isChosen(each, question));
  const near = nearestName(missing, known);
  throw new CliError(`there is no Executor ${question.namespace}/${missing}`, {
    code: 'not_found',
    hint: near === undefined ? 'Those of all namespaces:  noisefleet status -A -o wide' : `Did you mean ${near}?`,
  });
}

function isChosen({ metadata }: Seen<StoredExecutor>, { names }: Question): boolean {
  return names.length === 0 || names.includes(metadata.name);
}

/** `NAMESPACE/NAME` of each relay that one of them uses. */
function relaysOf(chosen: readonly Seen<StoredExecutor>[]): string[] {
  const names = chosen.flatMap(({ read }) =>
    read === undefined ? [] : [`${read.spec.relayRef.namespace ?? read.metadata.namespace}/${read.spec.relayRef.name}`],
  );
  return [...new Set(names)];
}

function nameOf({ metadata: { namespace = '', name } }: Seen<StoredRelay>): string {
  return `${namespace}/${name}`;
}

async function relayIfReadable(api: ObjectApi, key: string): Promise<Seen<StoredRelay> | undefined> {
  const [namespace = '', name = ''] = key.split('/');
  try {
    return await api.get(relays, { namespace, name });
  } catch (error) {
    // A relay that is not there is the executor's trouble, and told as such.
    if (isApiError(error, 'Forbidden', 'NotFound')) return undefined;
    throw error;
  }
}

function explainList(error: unknown, namespace: string | undefined): unknown {
  return explainApi(error, {
    forbidden: (subject) =>
      namespace === undefined
        ? `kubectl create clusterrolebinding noisefleet-view-all --clusterrole=noisefleet-view ${subject}\nIn one namespace fewer rights do:  noisefleet status -n NAMESPACE`
        : bindRole('view', namespace, subject),
    notFound: {
      what: 'this cluster does not know Executors',
      hint: 'Install the chart, and with it the CustomResourceDefinitions; or is it another cluster?',
    },
  });
}
