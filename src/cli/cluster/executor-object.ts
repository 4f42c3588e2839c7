import { nearestName, type StoredExecutor } from '../../api/index.ts';
import { Informer, isApiError, type ObjectApi } from '../../kube/index.ts';
import { type Clock, createLogger } from '../../telemetry/index.ts';
import { CliError } from '../client/cli-error.ts';
import { parseObjectName } from '../connection/environment.ts';
import { EXIT, UsageError } from '../exit.ts';
import { bindRole, type ClusterRole, explainApi } from './api-refusal.ts';
import { executors, type Seen } from './kinds.ts';

export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

/** Who changed a field, in `managedFields`: a person by this program, and not the operator. */
const FIELD_MANAGER = 'noisefleet-cli';

/** `NAME` in that namespace, or `NAMESPACE/NAME`. @throws UsageError */
export function executorName(text: string, namespace: string): ObjectName {
  try {
    return parseObjectName(text, namespace);
  } catch (cause) {
    throw new UsageError(`"${text}" names no Executor: write NAME or NAMESPACE/NAME`, { cause });
  }
}

/**
 * @param more what else helps whoever may not read it
 * @throws CliError `forbidden`, `not_found` (with the nearest name, if names may be listed), `unreadable_resource`, `unauthenticated`, `api_unreachable`
 */
export async function readExecutorObject(api: ObjectApi, ref: ObjectName, more?: string): Promise<StoredExecutor> {
  const { namespace, name } = ref;
  try {
    const { read, problem } = await api.get(executors, ref);
    if (read !== undefined) return read;
    throw new CliError(problem ?? '', { code: 'unreadable_resource', hint: 'Use the release that the cluster has.' });
  } catch (error) {
    const near = isApiError(error, 'NotFound') ? await nearestExecutor(api, ref).catch(() => undefined) : undefined;
    throw explainApi(error, {
      forbidden: (subject) => [bindRole('view', namespace, subject), ...(more === undefined ? [] : [more])].join('\n'),
      notFound: {
        what: `there is no Executor ${namespace}/${name}`,
        hint: near === undefined ? `Those there are:  kubectl get executors -n ${namespace}` : `Did you mean ${near}?`,
      },
    });
  }
}

async function nearestExecutor(api: ObjectApi, { namespace, name }: ObjectName): Promise<string | undefined> {
  const { items } = await api.list(executors, { namespace });
  return nearestName(
    name,
    items.map(({ metadata }) => metadata.name),
  );
}

/** A policy says itself what is wrong; another right would not help. */
const DENIED = /ValidatingAdmissionPolicy .* denied request: (.*)$/s;

/**
 * Changes what is the user's, with the user's own rights.
 *
 * @param role that lets him
 * @throws CliError `forbidden`, `denied` by a policy, `not_found`, `unauthenticated`, `api_unreachable`
 */
export async function patchExecutor(
  api: ObjectApi,
  ref: ObjectName,
  body: object,
  role: ClusterRole,
): Promise<Seen<StoredExecutor>> {
  const { namespace, name } = ref;
  try {
    return await api.patch(executors, ref, { type: 'merge', body }, { fieldManager: FIELD_MANAGER });
  } catch (error) {
    const denied = isApiError(error, 'Forbidden') ? DENIED.exec(error.message)?.[1] : undefined;
    if (denied !== undefined) {
      throw new CliError(`${namespace}/${name}: ${denied}`, { code: 'denied', exitCode: EXIT.refused });
    }
    throw explainApi(error, {
      forbidden: (subject) => bindRole(role, namespace, subject),
      notFound: {
        what: `there is no Executor ${namespace}/${name}`,
        hint: `Those there are:  noisefleet status -n ${namespace} -o wide`,
      },
    });
  }
}

export interface Following {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Of each state that a watch shows; undefined once it is deleted. Not called for one that this version cannot read. */
  readonly see: (executor: StoredExecutor | undefined) => void;
}

/** Follows one Executor until the signal aborts. */
export async function followExecutor(
  api: ObjectApi,
  { namespace, name }: ObjectName,
  { clock, signal, see }: Following,
): Promise<void> {
  const log = createLogger({ component: 'follow', level: 'silent' });
  const fieldSelector = `metadata.name=${name}`;
  const informer = new Informer<Seen<StoredExecutor>>({ api, resource: executors, fieldSelector, clock, log });
  informer.onChange(({ type, object }) => {
    if (type === 'deleted') see(undefined);
    else if (object.read !== undefined) see(object.read);
  });
  informer.follow([namespace]);
  await informer.run(signal);
}
