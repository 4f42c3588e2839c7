export { CipherState, MAX_NOISE_MESSAGE_BYTES } from './cipher-state.ts';
export { defaultCrypto } from './crypto/default-crypto.ts';
export { KEM_PUBLIC_LENGTH } from './crypto/mlkem768.ts';
export { nodeCrypto } from './crypto/node-crypto.ts';
export { type CryptoProvider, DH_LENGTH, type Sealed, TAG_LENGTH } from './crypto/provider.ts';
export { NoiseError, type NoiseErrorCode } from './error.ts';
export { type HandshakeOptions, HandshakeState, type Transport } from './handshake-state.ts';
export { base64Decode, base64Encode } from './key-file/base64.ts';
export { createKeyFile, type KeyFileOptions, loadKeyFile } from './key-file/file.ts';
export { decodeKeyFile, encodeKeyFile } from './key-file/format.ts';
export { jsonMembers, plainText } from './key-file/json-members.ts';
export {
  checkPublicKey,
  generateKeypair,
  type Keypair,
  keyFingerprint,
  type PublicKey,
  publicKeysEqual,
} from './keypair.ts';
export type { Role } from './pattern.ts';
export { HYBRID_IK_PROTOCOL } from './protocol.ts';
