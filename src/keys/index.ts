export { type KeeperInput, type KeeperOptions, type KeeperStep, KeyKeeper } from './keeper.ts';
export {
  type CallOptions,
  type KeyHolder,
  type KeyStore,
  KeyStoreError,
  type KeyStoreErrorCode,
  type StoredKey,
} from './key-store.ts';
export { DirectoryKeyStore } from './stores/directory-store.ts';
export { keySecretName, SecretKeyStore } from './stores/secret-store.ts';
export { checkVaultSettings, type VaultLogin, type VaultSettings } from './vault/settings.ts';
export { VaultKeyStore } from './vault/vault-store.ts';
