import { type KeyRequests, type KeysRecord, namesRequester, requestsIn } from '../../keys/index.ts';
import type { ServedExecutor } from '../own-kinds.ts';
import type { RequesterProof } from './proof.ts';

/** What an executor's annotations ask for, and whether it is proven who does. The API server is asked only while that matters. */
export async function requestsOf(
  executor: ServedExecutor,
  record: KeysRecord,
  proof: RequesterProof,
  signal: AbortSignal,
): Promise<KeyRequests> {
  const { annotations } = executor.metadata;
  const isProven = namesRequester(annotations, record) && (await proof.isProven(executor, signal));
  return requestsIn(annotations, isProven);
}
