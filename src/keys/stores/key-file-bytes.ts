import { decodeKeyFile, keyFingerprint } from '../../noise/index.ts';
import { KeyStoreError } from '../key-store.ts';

/** In every place with files a key is `kN.json`, since the sidecar reads a folder. */
const KEY_FILE = /^(k[1-9][0-9]{0,8})\.json$/;

export function keyIdOfFile(file: string): string | undefined {
  return KEY_FILE.exec(file)?.[1];
}

export function fileOfKeyId(id: string): string {
  return `${id}.json`;
}

/** The fingerprint of the key in these bytes, which are wiped; undefined when they are no key file. */
export function fingerprintIn(bytes: Uint8Array): string | undefined {
  try {
    return keyFingerprint(decodeKeyFile(bytes).publicKey);
  } catch {
    return undefined;
  } finally {
    bytes.fill(0);
  }
}

/** Of bytes that stay the caller's. Throws `malformed`, without a word of what the bytes are. */
export function fingerprintOfKeyFile(bytes: Uint8Array, step: string, where: string): string {
  const fingerprint = fingerprintIn(Uint8Array.from(bytes));
  if (fingerprint === undefined) throw new KeyStoreError('malformed', step, `${where} is no key of ours`);
  return fingerprint;
}
