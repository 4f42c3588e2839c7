export { type KeeperInput, type KeeperOptions, type KeeperStep, KeyKeeper } from './keeper.ts';
export {
  type CallOptions,
  type KeyHolder,
  type KeyStore,
  KeyStoreError,
  type KeyStoreErrorCode,
  type StoredKey,
} from './key-store.ts';
export type { KeyEffect } from './machine/decide.ts';
export { changedKeys, leftAlone } from './machine/drift.ts';
export type { HeardKeys, ObservedKeys } from './machine/observed.ts';
export { byNumber, isHeld, isLive, type KeyRecord, type KeysRecord, NEW_KEYS_RECORD } from './machine/record.ts';
export { type KeyRequests, namesRequester, requestsIn } from './requests.ts';
export { RestingStores } from './rest.ts';
export { type RotationPolicy, rotationPolicy } from './schedule/policy.ts';
export { recordOf, statusOf } from './status.ts';
export { DirectoryKeyStore } from './stores/directory-store.ts';
export { KeyMemory } from './stores/key-memory.ts';
export { OutageStore } from './stores/outage.ts';
export { keySecretName, SecretKeyStore } from './stores/secret-store.ts';
export { type KeyChange, keyChanges } from './telling/changes.ts';
export { keysMessage, rotationFindings } from './telling/findings.ts';
export { keyOccurrences } from './telling/occurrences.ts';
export type { VaultCall } from './vault/client.ts';
export { checkVaultSettings, type VaultLogin, type VaultSettings } from './vault/settings.ts';
export { VaultKeyStore } from './vault/vault-store.ts';
