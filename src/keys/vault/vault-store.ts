import { base64Encode, encodeKeyFile, generateKeypair } from '../../noise/index.ts';
import {
  type CallOptions,
  type KeyHolder,
  type KeyNote,
  type KeyStore,
  KeyStoreError,
  type ReadableKey,
  type StoredKey,
} from '../key-store.ts';
import { byNumber } from '../machine/record.ts';
import type { DeletionPolicy } from '../schedule/policy.ts';
import { fingerprintIn, fingerprintOfKeyFile } from '../stores/key-file-bytes.ts';
import { VaultClient, type VaultClientOptions, type VaultRequest } from './client.ts';
import { customMetadata, type Entry, type EntryNotes, keyFileIn, parseEntry, parseNames } from './entry.ts';
import { keyStoreFailure } from './errors.ts';
import { checkVaultSettings, type VaultSettings } from './settings.ts';

const KEY_ID = /^k[1-9][0-9]{0,8}$/;

/** Bytes around a key file in base64: the body is put together without a text, so that it can be wiped. */
const BODY = { head: Buffer.from(`"},"options":{"cas":`), tail: Buffer.from('}}') };

/**
 * Keys in Vault or OpenBao, in a KV engine of version 2, one entry each at `<cluster>/<namespace>/<executor>/<kN>`. Written with check-and-set, so that
 * of two writers one wins; whose it is and what became of it stands in `custom_metadata`, beside the fingerprint, so that a look reads no
 * private key.
 */
export class VaultKeyStore implements KeyStore {
  readonly #client: VaultClient;
  readonly #settings: VaultSettings;

  /** @throws KeyStoreError for settings or an environment that would weaken the way to Vault */
  constructor(options: VaultClientOptions & { readonly environment: NodeJS.ProcessEnv }) {
    checkVaultSettings(options.settings, options.environment);
    this.#settings = options.settings;
    this.#client = new VaultClient(options);
  }

  close(): void {
    this.#client.close();
  }

  async list(holder: KeyHolder, options: CallOptions = {}): Promise<readonly StoredKey[]> {
    const step = 'read keys';
    const answer = await this.#find(step, { method: 'LIST', path: this.#path('metadata', holder) }, options);
    const ids = (answer === undefined ? [] : (parseNames(answer) ?? [])).filter((name) => KEY_ID.test(name));
    const keys: StoredKey[] = [];
    for (const id of ids) keys.push(...(await this.#look(step, holder, id, options)));
    return keys.sort(byNumber);
  }

  async create(holder: KeyHolder, id: string, options: CallOptions = {}): Promise<ReadableKey> {
    const keyFile = encodeKeyFile(generateKeypair());
    try {
      return { id, fingerprint: await this.#write('create key', holder, id, keyFile, options) };
    } finally {
      keyFile.fill(0);
    }
  }

  async read(holder: KeyHolder, id: string, options: CallOptions = {}): Promise<Uint8Array> {
    const step = 'read key';
    const path = this.#path('data', holder, id);
    const keyFile = await this.#keyFile(step, path, options);
    if (keyFile === undefined) throw new KeyStoreError('not_found', step, `Vault has nothing at ${path}`);
    fingerprintOfKeyFile(keyFile, step, `what Vault has at ${path}`);
    return keyFile;
  }

  async put(holder: KeyHolder, id: string, keyFile: Uint8Array, options: CallOptions = {}): Promise<void> {
    const step = 'put key';
    const given = fingerprintOfKeyFile(keyFile, step, `what was given as ${id}`);
    const there = await this.#write(step, holder, id, keyFile, options);
    if (there === given) return;
    throw new KeyStoreError('conflict', step, `Vault has another key at ${this.#path('data', holder, id)}`);
  }

  async note(holder: KeyHolder, id: string, note: KeyNote, options: CallOptions = {}): Promise<void> {
    const step = 'note state';
    const entry = await this.#entry(step, holder, id, options);
    if (entry?.notes === undefined) return;
    const { owner, fingerprint } = entry.notes;
    await this.#annotate(step, holder, id, { owner, fingerprint, ...note }, options);
  }

  async destroy(holder: KeyHolder, id: string, policy: DeletionPolicy, options: CallOptions = {}): Promise<void> {
    if (policy === 'Retain') return this.note(holder, id, { state: 'Retained' }, options);
    const step = 'destroy key';
    if ((await this.#entry(step, holder, id, options)) === undefined) return;
    // Every version goes with it, and all that is known of it.
    await this.#find(step, { method: 'DELETE', path: this.#path('metadata', holder, id) }, options);
  }

  /** Puts the key there unless one is. @returns the fingerprint of the one that is there then */
  async #write(
    step: string,
    holder: KeyHolder,
    id: string,
    keyFile: Uint8Array,
    options: CallOptions,
  ): Promise<string> {
    const entry = await this.#entry(step, holder, id, options);
    // The owner first: an entry that says nothing is nobody's, and a crash between the two must not leave one.
    if (entry === undefined) {
      await this.#annotate(step, holder, id, { owner: this.#owner(holder), state: 'Pending' }, options);
    }
    if (entry?.isReadable !== true)
      await this.#writeData(step, holder, id, { keyFile, cas: entry?.version ?? 0 }, options);
    const there = await this.read(holder, id, options);
    const fingerprint = fingerprintIn(there) ?? '';
    const state = entry?.isReadable === true ? entry.notes?.state : 'Prepared';
    if (entry?.notes?.fingerprint !== fingerprint) {
      const notes = { owner: this.#owner(holder), state: state || 'Prepared', fingerprint };
      await this.#annotate(step, holder, id, notes, options);
    }
    return fingerprint;
  }

  /** Only one of those who write at the same time does; the others find what that one wrote. */
  async #writeData(
    step: string,
    holder: KeyHolder,
    id: string,
    { keyFile, cas }: { readonly keyFile: Uint8Array; readonly cas: number },
    options: CallOptions,
  ): Promise<void> {
    const text = base64Encode(keyFile);
    const body = Buffer.concat([
      Buffer.from('{"data":{"keyFile":"'),
      text,
      BODY.head,
      Buffer.from(String(cas)),
      BODY.tail,
    ]);
    try {
      await this.#call(step, { method: 'POST', path: this.#path('data', holder, id), body }, options);
    } catch (error) {
      if (!(error instanceof KeyStoreError) || error.code !== 'conflict') throw error;
    } finally {
      for (const bytes of [text, body]) bytes.fill(0);
    }
  }

  async #look(step: string, holder: KeyHolder, id: string, options: CallOptions): Promise<StoredKey[]> {
    const entry = await this.#entry(step, holder, id, options);
    // Without a version that can be read there is no key: a crash came before it, or somebody deleted it.
    if (entry?.notes === undefined || !entry.isReadable) return [];
    const { state, retirementTime, fingerprint: noted } = entry.notes;
    const fingerprint = noted ?? (await this.#fingerprint(holder, id, options));
    return [{ id, fingerprint, note: { state, ...(retirementTime !== undefined && { retirementTime }) } }];
  }

  async #fingerprint(holder: KeyHolder, id: string, options: CallOptions): Promise<string | undefined> {
    const keyFile = await this.#keyFile('read key', this.#path('data', holder, id), options);
    return keyFile && fingerprintIn(keyFile);
  }

  /** Empty for an entry without one, undefined where there is no entry. */
  async #keyFile(step: string, path: string, options: CallOptions): Promise<Uint8Array | undefined> {
    const answer = await this.#find(step, { method: 'GET', path, asBytes: true }, options);
    if (!(answer instanceof Uint8Array)) return undefined;
    const keyFile = keyFileIn(answer);
    answer.fill(0);
    return keyFile;
  }

  /** Undefined when nothing is there. Throws `not_owned` for what is there and does not say that it is this executor's. */
  async #entry(step: string, holder: KeyHolder, id: string, options: CallOptions): Promise<Entry | undefined> {
    const path = this.#path('metadata', holder, id);
    const answer = await this.#find(step, { method: 'GET', path }, options);
    if (answer === undefined) return undefined;
    const entry = parseEntry(answer);
    if (entry?.notes?.owner === this.#owner(holder)) return entry;
    throw new KeyStoreError(
      'not_owned',
      step,
      `Vault has an entry at ${path} that does not say that it is ${this.#owner(holder)}'s. If nobody needs it, delete it`,
    );
  }

  async #annotate(step: string, holder: KeyHolder, id: string, notes: EntryNotes, options: CallOptions): Promise<void> {
    const body = Buffer.from(JSON.stringify({ cas_required: true, custom_metadata: customMetadata(notes) }));
    await this.#call(step, { method: 'POST', path: this.#path('metadata', holder, id), body }, options);
  }

  /** Undefined for what is not there. */
  async #find(step: string, request: VaultRequest, options: CallOptions): Promise<unknown> {
    try {
      return await this.#client.call(request, options.signal);
    } catch (error) {
      const failure = keyStoreFailure(error, step, request.path);
      if (failure.code === 'not_found') return undefined;
      throw failure;
    }
  }

  async #call(step: string, request: VaultRequest, options: CallOptions): Promise<unknown> {
    try {
      return await this.#client.call(request, options.signal);
    } catch (error) {
      throw keyStoreFailure(error, step, request.path);
    }
  }

  #owner({ namespace, name }: KeyHolder): string {
    return `noisefleet/${this.#settings.cluster}/${namespace}/${name}`;
  }

  #path(kind: 'data' | 'metadata', { namespace, name }: KeyHolder, id?: string): string {
    const { mount, cluster } = this.#settings;
    return [mount, kind, cluster, namespace, name, ...(id === undefined ? [''] : [id])].join('/');
  }
}
