import { encodeKeyFile, generateKeypair, keyFingerprint } from '../../noise/index.ts';
import {
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

interface Entry {
  readonly bytes: Uint8Array;
  readonly fingerprint: string | undefined;
  readonly note: KeyNote;
}

const PREPARED: KeyNote = { state: 'Prepared' };

/** Called before and after each call takes effect; what it throws is what the caller gets. */
export type Fault = (moment: 'before' | 'after', call: string, id: string | undefined) => void;

/** A store as Vault is one, in memory, for simulations: it passes the same suite as the real ones. */
export class MemoryKeyStore implements KeyStore {
  #entries = new Map<string, Entry>();
  fault: Fault = () => undefined;

  async list(holder: KeyHolder): Promise<readonly StoredKey[]> {
    return this.#call('list', undefined, () => {
      const prefix = pathOf(holder, '');
      return [...this.#entries]
        .filter(([path]) => path.startsWith(prefix))
        .map(([path, { fingerprint, note }]) => ({ id: path.slice(prefix.length), fingerprint, note }))
        .sort(byNumber);
    });
  }

  async create(holder: KeyHolder, id: string): Promise<ReadableKey> {
    return this.#call('create', id, () => {
      const there = this.#entries.get(pathOf(holder, id));
      if (there !== undefined) return { id, fingerprint: fingerprintOfKeyFile(there.bytes, 'create key', id) };
      const keypair = generateKeypair();
      const fingerprint = keyFingerprint(keypair.publicKey);
      this.#entries.set(pathOf(holder, id), { bytes: encodeKeyFile(keypair), fingerprint, note: PREPARED });
      return { id, fingerprint };
    });
  }

  async read(holder: KeyHolder, id: string): Promise<Uint8Array> {
    return this.#call('read', id, () => {
      const there = this.#entries.get(pathOf(holder, id));
      if (there === undefined) throw new KeyStoreError('not_found', 'read key', `no key ${id}`);
      fingerprintOfKeyFile(there.bytes, 'read key', id);
      return Uint8Array.from(there.bytes);
    });
  }

  async put(holder: KeyHolder, id: string, keyFile: Uint8Array): Promise<void> {
    return this.#call('put', id, () => {
      const fingerprint = fingerprintOfKeyFile(keyFile, 'put key', `what was given as ${id}`);
      const there = this.#entries.get(pathOf(holder, id));
      if (there === undefined) {
        this.#entries.set(pathOf(holder, id), { bytes: Uint8Array.from(keyFile), fingerprint, note: PREPARED });
      } else if (there.fingerprint !== fingerprint) {
        throw new KeyStoreError('conflict', 'put key', `another key is there as ${id}`);
      }
    });
  }

  async note(holder: KeyHolder, id: string, note: KeyNote): Promise<void> {
    return this.#call('note', id, () => {
      const there = this.#entries.get(pathOf(holder, id));
      if (there !== undefined) this.#entries.set(pathOf(holder, id), { ...there, note });
    });
  }

  async destroy(holder: KeyHolder, id: string, policy: DeletionPolicy): Promise<void> {
    return this.#call('destroy', id, () => {
      const there = this.#entries.get(pathOf(holder, id));
      if (there === undefined) return;
      if (policy === 'Retain') this.#entries.set(pathOf(holder, id), { ...there, note: { state: 'Retained' } });
      else this.#entries.delete(pathOf(holder, id));
    });
  }

  /** Ids and fingerprints of what is there and is not retained, for whoever looks without a call; there is one holder. */
  fingerprints(): ReadonlyMap<string, string> {
    return new Map(
      [...this.#entries].flatMap(([path, { fingerprint, note }]) => {
        return fingerprint === undefined || note.state === 'Retained'
          ? []
          : [[path.split('/').at(-1) ?? '', fingerprint]];
      }),
    );
  }

  /** Everything that is there; what it gives puts that back, whatever happened since. */
  backup(): () => void {
    const entries = new Map(this.#entries);
    return () => {
      this.#entries = new Map(entries);
    };
  }

  /** Somebody damages, or takes away, what is there. */
  tamper(holder: KeyHolder, id: string, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) this.#entries.delete(pathOf(holder, id));
    else {
      const fingerprint = fingerprintIn(Uint8Array.from(bytes));
      this.#entries.set(pathOf(holder, id), { bytes, fingerprint, note: PREPARED });
    }
  }

  async #call<T>(call: string, id: string | undefined, run: () => T): Promise<T> {
    this.fault('before', call, id);
    const result = run();
    this.fault('after', call, id);
    return result;
  }
}

function pathOf({ namespace, name }: KeyHolder, id: string): string {
  return `${namespace}/${name}/${id}`;
}
