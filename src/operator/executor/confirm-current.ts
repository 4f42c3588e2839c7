import { ApiError, type ObjectApi } from '../../kube/index.ts';
import { executors, type ServedExecutor } from '../own-kinds.ts';

/** Throws `ApiError` `Conflict` when the cache shows an older version than there is: what was decided by it is decided again. */
export async function confirmCurrent(api: ObjectApi, { metadata }: ServedExecutor, signal: AbortSignal): Promise<void> {
  const { namespace, name, resourceVersion } = metadata;
  const live = await api.find(executors, { namespace, name }, { signal });
  if (live?.metadata.resourceVersion === resourceVersion) return;
  throw new ApiError({ code: 'Conflict', step: `confirm executor ${namespace}/${name}`, message: 'it has changed' });
}
