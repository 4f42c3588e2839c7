import { join } from 'node:path';
import { bundleOf } from '../bundle.ts';

/** `turn-in-pod.ts` for a client Pod. */
export function bundledTurn(): Promise<string> {
  return bundleOf(join(import.meta.dirname, 'turn-in-pod.ts'));
}
