import { nodeCrypto, nodeHasKem } from './node-crypto.ts';
import type { CryptoProvider } from './provider.ts';

// Only where it is needed: noble costs 40 ms at start and 20 MB of memory, in every process.
const chosen: CryptoProvider = nodeHasKem() ? nodeCrypto : (await import('./noble-crypto.ts')).nobleCrypto;

/** node:crypto where it has ML-KEM, else noble. */
export function defaultCrypto(): CryptoProvider {
  return chosen;
}
