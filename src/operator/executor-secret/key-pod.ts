import { ANNOTATIONS } from '../../api/index.ts';
import type { KeeperInput } from '../../keys/index.ts';
import { type Pod, parseTime } from '../../kube/index.ts';

/** As much of the pod as matters to keys: since when it runs, and the last poke. */
export function keyPod(pod: Pod | undefined): KeeperInput['pod'] {
  const startTime = parseTime(pod?.metadata.creationTimestamp);
  if (startTime === undefined) return undefined;
  return { startTime, poked: pod?.metadata.annotations?.[ANNOTATIONS.keysChangedAt] };
}
