import { ANNOTATIONS, FIELD_MANAGER, type KeyStatus } from '../../api/index.ts';
import { isApiError, type Pod, parseTime, pods } from '../../kube/index.ts';
import type { World } from '../world.ts';

/**
 * Changes the pod a little when a key was made after it, so that the kubelet mounts the Secret again at once and not at its next round
 * (`design.md` §4: 0.1–0.3 s instead of 57–77 s). Once a key: the pod remembers for which.
 */
export async function pokeForKey(
  { api }: Pick<World, 'api'>,
  pod: Pod | undefined,
  key: KeyStatus | undefined,
  signal: AbortSignal,
): Promise<void> {
  const madeAt = parseTime(key?.preparationTime);
  if (pod === undefined || pod.metadata.deletionTimestamp !== undefined || madeAt === undefined) return;
  const { name, namespace, uid, annotations, creationTimestamp } = pod.metadata;
  const isOlder = (parseTime(creationTimestamp) ?? 0) < madeAt;
  if (!isOlder || annotations?.[ANNOTATIONS.keysChangedAt] === key?.preparationTime) return;
  const body = { metadata: { uid, annotations: { [ANNOTATIONS.keysChangedAt]: key?.preparationTime } } };
  try {
    await api.patch(pods, { namespace, name }, { type: 'merge', body }, { fieldManager: FIELD_MANAGER, signal });
  } catch (error) {
    if (!isApiError(error, 'NotFound', 'Conflict')) throw error; // the pod is gone, or another one has its name
  }
}
