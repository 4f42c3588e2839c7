import { API_VERSION, FIELD_MANAGER, LABELS, secretName } from '../../api/index.ts';
import { controllerOf, isApiError, type ObjectApi, type Secret, secrets } from '../../kube/index.ts';
import { encodeKeyFile, generateKeypair, keyFingerprint } from '../../noise/index.ts';
import {
  type CallOptions,
  type KeyHolder,
  type KeyStore,
  KeyStoreError,
  type ReadableKey,
  type StoredKey,
} from '../key-store.ts';
import { byNumber } from '../machine/record.ts';
import type { DeletionPolicy } from '../schedule/policy.ts';
import { fileOfKeyId, fingerprintIn, fingerprintOfKeyFile, keyIdOfFile } from './key-file-bytes.ts';

/** Another writer was faster: what it wrote is read, and the next try builds on it. More than a few in a row is no race. */
const MAX_TRIES = 4;

/**
 * Secrets of which it is remembered what they hold: to make a fingerprint a private key is taken apart, and each step of each executor looks. The
 * operator is meant for 2,000 executors; beyond, the one seen first is forgotten.
 */
const MAX_REMEMBERED = 2_000;

type Data = Readonly<Record<string, string>>;

/** The name of the Secret that holds the keys of an executor; the pod's sidecar mounts it. */
export function keySecretName({ name }: Pick<KeyHolder, 'name'>): string {
  return secretName({ kind: 'Executor', name }, 'keys');
}

/**
 * Keys in the very Secret that the sidecar mounts: as the only store, where nothing else is needed and whoever may read that Secret has the key;
 * and as the place into which the keys of another store are delivered. Written with `create`, or with the version that was read as
 * precondition, so that a live key is never overwritten. It takes no notes, and retains nothing.
 */
export class SecretKeyStore implements KeyStore {
  readonly #api: ObjectApi;
  /** By the UID of the Secret. */
  readonly #seen = new Map<string, { readonly version: string; readonly keys: readonly StoredKey[] }>();

  constructor(api: ObjectApi) {
    this.#api = api;
  }

  async list(holder: KeyHolder, options: CallOptions = {}): Promise<readonly StoredKey[]> {
    const secret = await this.#find(holder, options);
    return secret === undefined ? [] : this.#keysIn(secret);
  }

  async create(holder: KeyHolder, id: string, options: CallOptions = {}): Promise<ReadableKey> {
    const keypair = generateKeypair();
    const bytes = encodeKeyFile(keypair);
    const content = Buffer.from(bytes).toString('base64');
    bytes.fill(0);
    let found: string | undefined;
    await this.#change(holder, 'create key', options, (data) => {
      const there = data[fileOfKeyId(id)];
      found = there === undefined ? undefined : this.#fingerprint(there, holder, id, 'create key');
      return there === undefined ? { ...data, [fileOfKeyId(id)]: content } : undefined;
    });
    return { id, fingerprint: found ?? keyFingerprint(keypair.publicKey) };
  }

  async read(holder: KeyHolder, id: string, options: CallOptions = {}): Promise<Uint8Array> {
    const secret = await this.#find(holder, options);
    const content = secret?.data?.[fileOfKeyId(id)];
    if (content === undefined) {
      throw new KeyStoreError('not_found', 'read key', `Secret ${where(holder)} has no key ${id}`);
    }
    this.#fingerprint(content, holder, id, 'read key');
    return Buffer.from(content, 'base64');
  }

  async put(holder: KeyHolder, id: string, keyFile: Uint8Array, options: CallOptions = {}): Promise<void> {
    const fingerprint = fingerprintOfKeyFile(keyFile, 'put key', `what was given as ${id}`);
    const content = Buffer.from(keyFile).toString('base64');
    await this.#change(holder, 'put key', options, (data) => {
      const there = data[fileOfKeyId(id)];
      if (there === undefined) return { ...data, [fileOfKeyId(id)]: content };
      if (fingerprintIn(Buffer.from(there, 'base64')) === fingerprint) return undefined;
      throw new KeyStoreError('conflict', 'put key', `Secret ${where(holder)} has another key as ${id}`);
    });
  }

  async note(): Promise<void> {
    // A Secret that the sidecar mounts holds keys and nothing else.
  }

  async destroy(holder: KeyHolder, id: string, _policy: DeletionPolicy, options: CallOptions = {}): Promise<void> {
    await this.#change(holder, 'destroy key', options, ({ [fileOfKeyId(id)]: there, ...rest }) =>
      there === undefined ? undefined : rest,
    );
  }

  /** Reads, changes and writes, again when another writer was faster. `change` gives undefined when nothing is to be done. */
  async #change(
    holder: KeyHolder,
    step: string,
    options: CallOptions,
    change: (data: Data) => Data | undefined,
  ): Promise<void> {
    for (let left = MAX_TRIES; left > 0; left--) {
      const before = await this.#find(holder, options);
      const data = change(before?.data ?? {});
      if (data === undefined || (await this.#write(holder, before, data, { step, ...options }))) return;
    }
    throw new KeyStoreError('unavailable', step, `other writers change the Secret ${where(holder)} all the time`);
  }

  /** @returns false when another writer was faster */
  async #write(
    holder: KeyHolder,
    before: Secret | undefined,
    data: Data,
    { step, ...options }: CallOptions & { readonly step: string },
  ): Promise<boolean> {
    const writing = { ...options, fieldManager: FIELD_MANAGER };
    try {
      if (before === undefined) await this.#api.create(secrets, newSecret(holder, data), writing);
      else await this.#api.update(secrets, { ...before, ...{ data } }, writing);
      return true;
    } catch (cause) {
      if (isApiError(cause, 'AlreadyExists', 'Conflict', 'NotFound')) return false;
      throw unavailable(step, holder, cause);
    }
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

  /** Ids and fingerprints only. A Secret of the same version is the same. */
  #keysIn(secret: Secret): readonly StoredKey[] {
    const { uid = '', resourceVersion: version = '' } = secret.metadata;
    const seen = this.#seen.get(uid);
    if (seen?.version === version) return seen.keys;
    const keys = keysIn(secret);
    this.#seen.delete(uid);
    const [first] = this.#seen.keys();
    if (first !== undefined && this.#seen.size >= MAX_REMEMBERED) this.#seen.delete(first);
    this.#seen.set(uid, { version, keys });
    return keys;
  }

  #fingerprint(content: string, holder: KeyHolder, id: string, step: string): string {
    const fingerprint = fingerprintIn(Buffer.from(content, 'base64'));
    if (fingerprint !== undefined) return fingerprint;
    throw new KeyStoreError(
      'malformed',
      step,
      `${fileOfKeyId(id)} in Secret ${where(holder)} is no key of ours. Restore it, or delete the Secret to have a new key made`,
    );
  }
}

function newSecret({ namespace, name, uid }: KeyHolder, data: Data) {
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
      const id = keyIdOfFile(file);
      return id === undefined ? [] : [{ id, fingerprint: fingerprintIn(Buffer.from(content, 'base64')) }];
    })
    .sort(byNumber);
}

function where(holder: KeyHolder): string {
  return `${holder.namespace}/${keySecretName(holder)}`;
}

function unavailable(step: string, holder: KeyHolder, cause: unknown): KeyStoreError {
  return new KeyStoreError('unavailable', step, `Secret ${where(holder)} cannot be read or written now`, { cause });
}
