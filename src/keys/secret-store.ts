import { API_VERSION, FIELD_MANAGER, LABELS, secretName } from '../api/index.ts';
import { controllerOf, isApiError, type ObjectApi, type Secret, secrets } from '../kube/index.ts';
import { decodeKeyFile, encodeKeyFile, generateKeypair, keyFingerprint } from '../noise/index.ts';
import { type CallOptions, type KeyHolder, type KeyStore, KeyStoreError, type StoredKey } from './key-store.ts';

/** In the Secret a key is a file, since the sidecar reads the Secret as a folder. */
const KEY_FILE = /^(k[1-9][0-9]{0,8})\.json$/;

/** Another writer was faster: what it wrote is read, and the next try builds on it. More than a few in a row is no race. */
const MAX_TRIES = 4;

/** The name of the Secret that holds the keys of an executor; the pod's sidecar mounts it. */
export function keySecretName({ name }: Pick<KeyHolder, 'name'>): string {
  return secretName({ kind: 'Executor', name }, 'keys');
}

/**
 * Keys in the very Secret that the sidecar mounts: nothing else is needed, and whoever may read that Secret has the key. Written with
 * `create`, or with the version that was read as precondition, so that a live key is never overwritten.
 */
export class SecretKeyStore implements KeyStore {
  readonly #api: ObjectApi;

  constructor(api: ObjectApi) {
    this.#api = api;
  }

  async list(holder: KeyHolder, options: CallOptions = {}): Promise<readonly StoredKey[]> {
    const secret = await this.#find(holder, options);
    return secret === undefined ? [] : keysIn(secret);
  }

  async create(holder: KeyHolder, id: string, options: CallOptions = {}): Promise<StoredKey> {
    for (let left = MAX_TRIES; left > 0; left--) {
      const secret = await this.#find(holder, options);
      const there = secret && keysIn(secret).find((key) => key.id === id);
      if (there) return there;
      const made = await this.#write(holder, id, secret, options);
      if (made) return made;
    }
    throw new KeyStoreError(
      'unavailable',
      'create key',
      `other writers change the Secret ${where(holder)} all the time`,
    );
  }

  /** @returns undefined when another writer was faster */
  async #write(
    holder: KeyHolder,
    id: string,
    before: Secret | undefined,
    options: CallOptions,
  ): Promise<StoredKey | undefined> {
    const keypair = generateKeypair();
    const bytes = encodeKeyFile(keypair);
    const data = { ...before?.data, [`${id}.json`]: Buffer.from(bytes).toString('base64') };
    bytes.fill(0);
    try {
      if (before === undefined) {
        await this.#api.create(secrets, newSecret(holder, data), { ...options, fieldManager: FIELD_MANAGER });
      } else {
        await this.#api.update(secrets, { ...before, data } as Secret, { ...options, fieldManager: FIELD_MANAGER });
      }
    } catch (cause) {
      if (isApiError(cause, 'AlreadyExists', 'Conflict', 'NotFound')) return undefined;
      throw unavailable('create key', holder, cause);
    }
    return { id, fingerprint: keyFingerprint(keypair.publicKey) };
  }

  async #find(holder: KeyHolder, options: CallOptions): Promise<Secret | undefined> {
    const ref = { namespace: holder.namespace, name: keySecretName(holder) };
    const secret = await this.#api.find(secrets, ref, options).catch((cause: unknown) => {
      throw unavailable('read keys', holder, cause);
    });
    if (secret !== undefined && controllerOf(secret)?.uid !== holder.uid) {
      throw new KeyStoreError(
        'not_owned',
        'read keys',
        `Secret ${where(holder)} does not belong to this executor. If nobody needs it: kubectl delete secret -n ${holder.namespace} ${ref.name}`,
      );
    }
    return secret;
  }
}

function newSecret({ namespace, name, uid }: KeyHolder, data: Record<string, string>) {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      namespace,
      name: keySecretName({ name }),
      labels: {
        [LABELS.name]: 'noisefleet',
        [LABELS.instance]: name,
        [LABELS.managedBy]: FIELD_MANAGER,
        [LABELS.component]: 'executor',
        [LABELS.executor]: name,
      },
      ownerReferences: [
        { apiVersion: API_VERSION, kind: 'Executor', name, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    type: 'Opaque',
    data,
  };
}

function keysIn(secret: Secret): StoredKey[] {
  return Object.entries(secret.data ?? {})
    .flatMap(([file, content]) => {
      const id = KEY_FILE.exec(file)?.[1];
      return id === undefined ? [] : [{ id, fingerprint: fingerprintOf(content, file, secret) }];
    })
    .sort((a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)));
}

function fingerprintOf(content: string, file: string, { metadata }: Secret): string {
  const bytes = Buffer.from(content, 'base64');
  try {
    return keyFingerprint(decodeKeyFile(bytes).publicKey);
  } catch (cause) {
    throw new KeyStoreError(
      'malformed',
      'read keys',
      `${file} in Secret ${metadata.namespace}/${metadata.name} is no key of ours. Restore it, or delete the Secret to have a new key made`,
      { cause },
    );
  } finally {
    bytes.fill(0);
  }
}

function where(holder: KeyHolder): string {
  return `${holder.namespace}/${keySecretName(holder)}`;
}

function unavailable(step: string, holder: KeyHolder, cause: unknown): KeyStoreError {
  return new KeyStoreError('unavailable', step, `Secret ${where(holder)} cannot be read or written now`, { cause });
}
