import { API_VERSION, FIELD_MANAGER, LABELS, secretName } from '../../api/index.ts';
import { controllerOf, isApiError, metadataOf, type ObjectApi, type ObjectMeta, secrets } from '../../kube/index.ts';
import { encodeKeyFile, generateKeypair, keyFingerprint } from '../../noise/index.ts';
import {
  type CallOptions,
  type KeyHolder,
  type KeyStore,
  KeyStoreError,
  type ReadableKey,
  type StoredKey,
} from '../key-store.ts';
import type { DeletionPolicy } from '../schedule/policy.ts';
import { fileOfKeyId, fingerprintIn, fingerprintOfKeyFile } from './key-file-bytes.ts';
import { KeySecret, withKeyFile } from './key-secret.ts';

/** Another writer was faster: what it wrote is read, and the next try builds on it. More than a few in a row is no race. */
const MAX_TRIES = 4;

/**
 * Secrets of which it is remembered what they hold: to make a fingerprint a private key is taken apart, and each step of each executor looks. The
 * operator is meant for 2,000 executors; beyond, the one seen first is forgotten.
 */
const MAX_REMEMBERED = 2_000;

/** A look asks for this alone: at rest it brings no private key into this process. */
const secretMetadata = metadataOf(secrets);

/** What is remembered of a Secret. */
interface Seen {
  readonly version: string;
  readonly keys: readonly StoredKey[];
}

interface Writing extends CallOptions {
  readonly step: string;
}

/** The name of the Secret that holds the keys of an executor; the pod's sidecar mounts it. */
export function keySecretName({ name }: Pick<KeyHolder, 'name'>): string {
  return secretName({ kind: 'Executor', name }, 'keys');
}

/**
 * Keys in the very Secret that the sidecar mounts: as the only store, where nothing else is needed and whoever may read that Secret has the key;
 * and as the place into which the keys of another store are delivered. Written with `create`, or with the version that was read as
 * precondition, so that a live key is never overwritten. It takes no notes, and retains nothing. What it reads and writes of keys are bytes, which it overwrites.
 */
export class SecretKeyStore implements KeyStore {
  readonly #api: ObjectApi;
  /** By the UID of the Secret. */
  readonly #seen = new Map<string, Seen>();

  constructor(api: ObjectApi) {
    this.#api = api;
  }

  async list(holder: KeyHolder, options: CallOptions = {}): Promise<readonly StoredKey[]> {
    return (await this.#look(holder, options))?.keys ?? [];
  }

  async create(holder: KeyHolder, id: string, options: CallOptions = {}): Promise<ReadableKey> {
    const keypair = generateKeypair();
    const keyFile = encodeKeyFile(keypair);
    try {
      const step = 'create key';
      const there = await this.#add(holder, id, keyFile, { step, ...options });
      const fingerprint = there && fingerprintFor(there, holder, id, step);
      return { id, fingerprint: fingerprint ?? keyFingerprint(keypair.publicKey) };
    } finally {
      keyFile.fill(0);
    }
  }

  async read(holder: KeyHolder, id: string, options: CallOptions = {}): Promise<Uint8Array> {
    const keyFile = await this.#open(holder, options, (secret) => secret?.keyFile(id));
    if (keyFile === undefined) {
      throw new KeyStoreError('not_found', 'read key', `Secret ${where(holder)} has no key ${id}`);
    }
    fingerprintFor(Uint8Array.from(keyFile), holder, id, 'read key');
    return keyFile;
  }

  async put(holder: KeyHolder, id: string, keyFile: Uint8Array, options: CallOptions = {}): Promise<void> {
    const step = 'put key';
    const fingerprint = fingerprintOfKeyFile(keyFile, step, `what was given as ${id}`);
    const there = await this.#add(holder, id, keyFile, { step, ...options });
    if (there === undefined || fingerprintIn(there) === fingerprint) return;
    throw new KeyStoreError('conflict', step, `Secret ${where(holder)} has another key as ${id}`);
  }

  async note(): Promise<void> {
    // A Secret that the sidecar mounts holds keys and nothing else.
  }

  async destroy(holder: KeyHolder, id: string, _policy: DeletionPolicy, options: CallOptions = {}): Promise<void> {
    const step = 'destroy key';
    for (let left = MAX_TRIES; left > 0; left--) {
      const secret = await this.#look(holder, options);
      if (secret === undefined || secret.keys.every((key) => key.id !== id)) return;
      const body = { metadata: { resourceVersion: secret.version }, data: { [fileOfKeyId(id)]: null } };
      if (await this.#patch(holder, body, { step, ...options })) return;
    }
    throw contested(step, holder);
  }

  /** Puts the key there unless one is, again when another writer was faster. @returns the key file that was there */
  async #add(holder: KeyHolder, id: string, keyFile: Uint8Array, writing: Writing): Promise<Uint8Array | undefined> {
    const { step, ...options } = writing;
    for (let left = MAX_TRIES; left > 0; left--) {
      const { version, there } = await this.#open(holder, options, (secret) => {
        return { version: secret?.metadata.resourceVersion, there: secret?.keyFile(id) };
      });
      if (there !== undefined) return there;
      if (await this.#writeKey(holder, { id, keyFile, version }, writing)) return undefined;
    }
    throw contested(step, holder);
  }

  /** @returns false when another writer was faster */
  async #writeKey(
    holder: KeyHolder,
    {
      id,
      keyFile,
      version,
    }: { readonly id: string; readonly keyFile: Uint8Array; readonly version: string | undefined },
    writing: Writing,
  ): Promise<boolean> {
    const object = version === undefined ? newSecret(holder) : { metadata: { resourceVersion: version } };
    const body = withKeyFile(object, fileOfKeyId(id), keyFile);
    try {
      return await (version === undefined ? this.#create(holder, body, writing) : this.#patch(holder, body, writing));
    } finally {
      body.fill(0);
    }
  }

  async #create(holder: KeyHolder, body: Uint8Array, { step, ...options }: Writing): Promise<boolean> {
    const write = this.#api.createBytes(secrets, refOf(holder), body, { ...options, fieldManager: FIELD_MANAGER });
    return this.#isWritten(write, holder, step);
  }

  async #patch(holder: KeyHolder, body: unknown, { step, ...options }: Writing): Promise<boolean> {
    const patch = { type: 'merge', body } as const;
    const write = this.#api.patch(secretMetadata, refOf(holder), patch, { ...options, fieldManager: FIELD_MANAGER });
    return this.#isWritten(write, holder, step);
  }

  async #isWritten(write: Promise<unknown>, holder: KeyHolder, step: string): Promise<boolean> {
    try {
      await write;
      return true;
    } catch (cause) {
      if (isApiError(cause, 'AlreadyExists', 'Conflict', 'NotFound')) return false;
      throw unavailable(step, holder, cause);
    }
  }

  /** Ids and fingerprints only. A Secret of the same version is the same. */
  async #look(holder: KeyHolder, options: CallOptions): Promise<Seen | undefined> {
    const found = await this.#reach(holder, this.#api.find(secretMetadata, refOf(holder), options));
    if (found === undefined) return undefined;
    mustBelong(found.metadata, holder);
    const { uid, resourceVersion } = found.metadata;
    const seen = this.#seen.get(uid);
    if (seen?.version === resourceVersion) return seen;
    return this.#open(holder, options, (secret) => secret && this.#remember(secret));
  }

  /** Of a Secret that is whole in memory only while it is used. */
  async #open<T>(holder: KeyHolder, options: CallOptions, use: (secret: KeySecret | undefined) => T): Promise<T> {
    const bytes = await this.#reach(holder, this.#api.findBytes(secrets, refOf(holder), options));
    try {
      const secret = bytes && KeySecret.parse(bytes);
      if (bytes !== undefined && secret === undefined) throw unavailable('read keys', holder);
      if (secret !== undefined) mustBelong(secret.metadata, holder);
      return use(secret);
    } finally {
      bytes?.fill(0);
    }
  }

  #remember({ metadata: { uid, resourceVersion: version }, keys }: KeySecret): Seen {
    this.#seen.delete(uid);
    const [first] = this.#seen.keys();
    if (first !== undefined && this.#seen.size >= MAX_REMEMBERED) this.#seen.delete(first);
    const seen = { version, keys };
    this.#seen.set(uid, seen);
    return seen;
  }

  async #reach<T>(holder: KeyHolder, reading: Promise<T>): Promise<T> {
    try {
      return await reading;
    } catch (cause) {
      throw unavailable('read keys', holder, cause);
    }
  }
}

/** The fingerprint of what the Secret has as this key, whose bytes are wiped. Throws `malformed`. */
function fingerprintFor(keyFile: Uint8Array, holder: KeyHolder, id: string, step: string): string {
  const fingerprint = fingerprintIn(keyFile);
  if (fingerprint !== undefined) return fingerprint;
  throw new KeyStoreError(
    'malformed',
    step,
    `${fileOfKeyId(id)} in Secret ${where(holder)} is no key of ours. Restore it, or delete the Secret to have a new key made`,
  );
}

function mustBelong(metadata: ObjectMeta, holder: KeyHolder): void {
  if (controllerOf({ metadata })?.uid === holder.uid) return;
  throw new KeyStoreError(
    'not_owned',
    'read keys',
    `Secret ${where(holder)} does not belong to this executor. If nobody needs it: kubectl delete secret -n ${holder.namespace} ${keySecretName(holder)}`,
  );
}

function newSecret(holder: KeyHolder) {
  const { name, uid } = holder;
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      ...refOf(holder),
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
  };
}

function refOf(holder: KeyHolder) {
  return { namespace: holder.namespace, name: keySecretName(holder) };
}

function where(holder: KeyHolder): string {
  return `${holder.namespace}/${keySecretName(holder)}`;
}

function contested(step: string, holder: KeyHolder): KeyStoreError {
  return new KeyStoreError('unavailable', step, `other writers change the Secret ${where(holder)} all the time`);
}

function unavailable(step: string, holder: KeyHolder, cause?: unknown): KeyStoreError {
  return new KeyStoreError('unavailable', step, `Secret ${where(holder)} cannot be read or written now`, { cause });
}
