import { ANNOTATIONS, COMMAND_PREFIX } from '../../api/index.ts';
import { isApiError, type ObjectApi, reviewSelf } from '../../kube/index.ts';
import { bindRole, explainApi } from '../cluster/api-refusal.ts';
import { type ObjectName, patchExecutor } from '../cluster/executor-object.ts';

/** Who asks, and why. */
export interface Words {
  /** Undefined where the API server does not say who is asking: history then says nothing of it. */
  readonly requestedBy: string | undefined;
  readonly reason: string | undefined;
}

/** The value that stands for one call, and for those that go on with it. */
export function requestValue(id: string): string {
  return `${COMMAND_PREFIX}${id}`;
}

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
 * @throws as `patchExecutor`
 */
export function askRotation(api: ObjectApi, ref: ObjectName, value: string, words: Words): Promise<unknown> {
  return annotate(api, ref, { [ANNOTATIONS.rotateRequestedAt]: value, ...wordsOf(words) }, 'key-rotator');
}

/** Asks for a revocation; else as `askRotation`. */
export function askRevocation(api: ObjectApi, ref: ObjectName, keyId: string, words: Words): Promise<unknown> {
  return annotate(api, ref, { [ANNOTATIONS.revokeRequestedKey]: keyId, ...wordsOf(words) }, 'key-revoker');
}

function wordsOf({ requestedBy, reason }: Words): Record<string, string | null> {
  return { [ANNOTATIONS.requestedBy]: requestedBy ?? null, [ANNOTATIONS.requestReason]: reason ?? null };
}

function annotate(
  api: ObjectApi,
  ref: ObjectName,
  annotations: Readonly<Record<string, string | null>>,
  role: 'key-rotator' | 'key-revoker',
): Promise<unknown> {
  return patchExecutor(api, ref, { metadata: { annotations } }, role);
}
