import { nobleCrypto } from './noble-crypto.ts';
import { nodeCrypto, nodeHasKem } from './node-crypto.ts';
import type { CryptoProvider } from './provider.ts';

/** node:crypto where it has ML-KEM, else noble. */
export function defaultCrypto(): CryptoProvider {
  return nodeHasKem() ? nodeCrypto : nobleCrypto;
}
