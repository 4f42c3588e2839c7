import { nearestName, type StoredExecutor } from '../../api/index.ts';
import type { ObjectApi } from '../../kube/index.ts';
import { CliError } from '../client/cli-error.ts';
import { bindRole, explainApi } from '../cluster/api-refusal.ts';
import { executorName, type ObjectName } from '../cluster/executor-object.ts';
import { executors } from '../cluster/kinds.ts';
import { UsageError } from '../exit.ts';

export interface Chosen {
  /** Where all of them are; undefined: in several. */
  readonly namespace: string | undefined;
  readonly executors: readonly StoredExecutor[];
  /** Why others are not among them, a line each. */
  readonly leftOut: readonly string[];
}

/**
 * The executors that somebody means, whose keys are ours to change.
 *
 * @throws UsageError for names of several namespaces; CliError `forbidden`, `not_found`, `unauthenticated`, `api_unreachable`
 */
export async function chooseExecutors(
  api: ObjectApi,
  question: {
    readonly namespace: string | undefined;
    readonly names: readonly string[];
    readonly labelSelector: string | undefined;
  },
): Promise<Chosen> {
  const { names, labelSelector } = question;
  const refs = names.map((name) => executorName(name, question.namespace ?? ''));
  const namespace = refs[0]?.namespace ?? question.namespace;
  if (refs.some((ref) => ref.namespace !== namespace))
    throw new UsageError('name executors of one namespace, or use -l');
  const items = await listed(api, namespace, labelSelector);
  const known = items.map(({ metadata }) => metadata.name);
  const missing = refs.find(({ name }) => !known.includes(name));
  if (missing !== undefined) throw unknownName(missing, known);
  const wanted = new Set(refs.map(({ name }) => name));
  const chosen = items.filter(({ metadata }) => wanted.size === 0 || wanted.has(metadata.name));
  return { namespace, ...sorted(chosen) };
}

type Listed = Awaited<ReturnType<typeof listed>>;

async function listed(api: ObjectApi, namespace: string | undefined, labelSelector: string | undefined) {
  try {
    return (await api.list(executors, { namespace, labelSelector })).items;
  } catch (error) {
    throw explainApi(error, {
      forbidden: (subject) =>
        namespace === undefined
          ? `kubectl create clusterrolebinding noisefleet-view-all --clusterrole=noisefleet-view ${subject}`
          : bindRole('view', namespace, subject),
      notFound: { what: 'this cluster does not know Executors', hint: 'Install the chart, or is it another cluster?' },
    });
  }
}

function sorted(items: Listed): Pick<Chosen, 'executors' | 'leftOut'> {
  const chosen: StoredExecutor[] = [];
  const leftOut: string[] = [];
  for (const { metadata, read, problem } of items) {
    const label = `${metadata.namespace}/${metadata.name}`;
    if (read === undefined) leftOut.push(`${label} is left out: ${problem}`);
    else if (read.spec.runtime.type === 'External')
      leftOut.push(`${label} is left out: External, it makes its own keys`);
    else chosen.push(read);
  }
  return { executors: chosen, leftOut };
}

function unknownName({ namespace, name }: ObjectName, known: readonly string[]): CliError {
  const near = nearestName(name, known);
  return new CliError(`there is no Executor ${namespace}/${name}`, {
    code: 'not_found',
    hint: near === undefined ? `Those there are:  noisefleet status -n ${namespace} -o wide` : `Did you mean ${near}?`,
  });
}
