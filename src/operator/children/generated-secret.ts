import { FIELD_MANAGER } from '../../api/index.ts';
import { type ObjectApi, type Secret, secrets } from '../../kube/index.ts';
import type { ChildMetadata } from './child.ts';

/**
 * Writes a Secret whose content was made here and can be made by nobody else: created, or updated at the version that was read. Of two
 * writers one gets `AlreadyExists` or `Conflict` and looks again; nothing that was made is overwritten unseen. Throws `ApiError`.
 */
export async function createOrUpdate(
  api: ObjectApi,
  metadata: ChildMetadata,
  content: Readonly<Record<string, string>>,
  before: Secret | undefined,
  signal: AbortSignal,
): Promise<void> {
  const data = Object.fromEntries(
    Object.entries(content).map(([file, text]) => [file, Buffer.from(text).toString('base64')]),
  );
  const options = { fieldManager: FIELD_MANAGER, signal };
  const secret = { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata, data };
  if (before === undefined) {
    await api.create(secrets, secret, options);
    return;
  }
  const { resourceVersion, uid } = before.metadata;
  await api.update(secrets, { ...secret, metadata: { ...metadata, resourceVersion, uid } }, options);
}
