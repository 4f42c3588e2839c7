export { type KeyHolder, type KeyStore, KeyStoreError, type KeyStoreErrorCode, type StoredKey } from './key-store.ts';
export { keySecretName, SecretKeyStore } from './secret-store.ts';
