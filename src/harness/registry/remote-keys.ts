import type { PublicKey } from '../../noise/index.ts';
import { type Fingerprint, fingerprintOf } from '../../wire/index.ts';
import { HarnessError } from '../error.ts';

/**
 * Of which keys the executor's must be one: fingerprints (`SHA256:…`; none means any), or somebody to ask each time, because the keys of an
 * executor change while its clients run on.
 */
export type RemoteKeys = readonly string[] | ((fingerprint: Fingerprint) => Promise<boolean>);

/** The key's fingerprint. @throws HarnessError `key_not_pinned` */
export async function checkPinned(executorKey: PublicKey, remoteKeys: RemoteKeys): Promise<Fingerprint> {
  const fingerprint = fingerprintOf(executorKey);
  const accepted =
    typeof remoteKeys === 'function'
      ? await remoteKeys(fingerprint)
      : remoteKeys.length === 0 || remoteKeys.includes(fingerprint);
  if (accepted) return fingerprint;
  throw new HarnessError(
    'key_not_pinned',
    'connect',
    `the registry names an executor with the key ${fingerprint}, which is not pinned`,
    { status: 403 },
  );
}
