import type { ObjectMeta } from '../../kube/index.ts';
import { base64Decode, base64Encode, jsonMembers, plainText } from '../../noise/index.ts';
import type { StoredKey } from '../key-store.ts';
import { byNumber } from '../machine/record.ts';
import { fileOfKeyId, fingerprintIn, keyIdOfFile } from './key-file-bytes.ts';

const NOTHING = new Uint8Array();

/** A Secret with keys, read where it lies: in the bytes of an answer, which are overwritten when this was used. */
export class KeySecret {
  readonly metadata: ObjectMeta;
  /** In base64, by the name of the file. */
  readonly #files: ReadonlyMap<string, Uint8Array>;

  private constructor(metadata: ObjectMeta, files: ReadonlyMap<string, Uint8Array>) {
    this.metadata = metadata;
    this.#files = files;
  }

  /** Undefined for what is no object of the API server. */
  static parse(bytes: Uint8Array): KeySecret | undefined {
    const members = jsonMembers(bytes);
    const metadata = members?.get('metadata');
    if (metadata === undefined) return undefined;
    const files = jsonMembers(members?.get('data') ?? NOTHING) ?? new Map<string, Uint8Array>();
    // The parser edge: what the API server wrote is taken at its word, as that of every object.
    return new KeySecret(JSON.parse(Buffer.from(metadata).toString('utf8')) as ObjectMeta, files);
  }

  /** By number, with their fingerprints. */
  get keys(): readonly StoredKey[] {
    return [...this.#files.keys()]
      .flatMap((file) => {
        const id = keyIdOfFile(file);
        return id === undefined ? [] : [{ id, fingerprint: fingerprintIn(this.#contentOf(file)) }];
      })
      .sort(byNumber);
  }

  /** A copy of the key file that is the caller's to wipe; undefined when there is none. */
  keyFile(id: string): Uint8Array | undefined {
    const file = fileOfKeyId(id);
    return this.#files.has(file) ? this.#contentOf(file) : undefined;
  }

  /** Empty for what is no base64. */
  #contentOf(file: string): Uint8Array {
    return base64Decode(plainText(this.#files.get(file)) ?? NOTHING) ?? NOTHING;
  }
}

/** An object as JSON with this key file as its data. The caller wipes it. */
export function withKeyFile(object: object, file: string, keyFile: Uint8Array): Uint8Array {
  const open = JSON.stringify(object).slice(0, -1);
  const content = base64Encode(keyFile);
  const body = Buffer.concat([Buffer.from(`${open},"data":{"${file}":"`), content, Buffer.from('"}}')]);
  content.fill(0);
  return body;
}
