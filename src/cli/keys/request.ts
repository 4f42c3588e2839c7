import { ANNOTATIONS, type StoredExecutor } from '../../api/index.ts';
import { isApiError, type ObjectApi, reviewSelf } from '../../kube/index.ts';
import { CliError } from '../client/cli-error.ts';
import { bindRole, explainApi } from '../cluster/api-refusal.ts';
import { executors, type Seen } from '../cluster/kinds.ts';
import { EXIT } from '../exit.ts';

export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

/** Who asks, and why. */
export interface Words {
  /** Undefined where the API server does not say who is asking: history then says nothing of it. */
  readonly requestedBy: string | undefined;
  readonly reason: string | undefined;
}

/** Values of the rotation annotation that begin so are of this program: history calls them `Command`. */
const COMMAND_PREFIX = 'command/';

/** The value that stands for one call, and for those that go on with it. */
export function requestValue(id: string): string {
  return `${COMMAND_PREFIX}${id}`;
}

/** In `managedFields`: a person by this program, and not the operator. */
const FIELD_MANAGER = 'noisefleet-cli';

/** The name that an admission policy compares with; undefined on a server that does not know the question. */
export async function whoAsks(api: ObjectApi): Promise<string | undefined> {
  try {
    return await reviewSelf(api);
  } catch (error) {
    if (isApiError(error, 'NotFound', 'Forbidden')) return undefined;
    throw explainApi(error, { forbidden: (subject) => bindRole('view', 'default', subject) });
  }
}

/**
 * Asks for a rotation with the caller's own rights. What an earlier request said of itself goes with it.
 *
 * @throws CliError `forbidden`, `not_found`, `unauthenticated`, `api_unreachable`
 */
export function askRotation(api: ObjectApi, ref: ObjectName, value: string, words: Words): Promise<unknown> {
  return annotate(api, ref, { [ANNOTATIONS.rotateRequestedAt]: value, ...wordsOf(words) }, 'key-rotator');
}

/** Asks for a revocation; else as `askRotation`. */
export function askRevocation(api: ObjectApi, ref: ObjectName, keyId: string, words: Words): Promise<unknown> {
  return annotate(api, ref, { [ANNOTATIONS.revokeRequestedKey]: keyId, ...wordsOf(words) }, 'key-revoker');
}

/** @throws as `askRotation` */
export async function readOne(api: ObjectApi, ref: ObjectName): Promise<Seen<StoredExecutor>> {
  try {
    return await api.get(executors, ref);
  } catch (error) {
    throw explained(error, ref, 'view');
  }
}

function wordsOf({ requestedBy, reason }: Words): Record<string, string | null> {
  return { [ANNOTATIONS.requestedBy]: requestedBy ?? null, [ANNOTATIONS.requestReason]: reason ?? null };
}

async function annotate(
  api: ObjectApi,
  ref: ObjectName,
  annotations: Readonly<Record<string, string | null>>,
  role: 'key-rotator' | 'key-revoker',
): Promise<unknown> {
  try {
    const patch = { type: 'merge', body: { metadata: { annotations } } } as const;
    return await api.patch(executors, ref, patch, { fieldManager: FIELD_MANAGER });
  } catch (error) {
    throw explained(error, ref, role);
  }
}

/** A policy says itself what is wrong; another right would not help. */
const DENIED = /ValidatingAdmissionPolicy .* denied request: (.*)$/s;

function explained(error: unknown, { namespace, name }: ObjectName, role: 'view' | 'key-rotator' | 'key-revoker') {
  const denied = isApiError(error, 'Forbidden') ? DENIED.exec(error.message)?.[1] : undefined;
  if (denied !== undefined) {
    return new CliError(`${namespace}/${name}: ${denied}`, { code: 'denied', exitCode: EXIT.refused });
  }
  return explainApi(error, {
    forbidden: (subject) => bindRole(role, namespace, subject),
    notFound: {
      what: `there is no Executor ${namespace}/${name}`,
      hint: `Those there are:  noisefleet status -n ${namespace} -o wide`,
    },
  });
}
