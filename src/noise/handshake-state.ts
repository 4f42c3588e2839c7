import type { CipherState } from './cipher-state.ts';
import { MAX_NOISE_MESSAGE_BYTES } from './cipher-state.ts';
import { defaultCrypto } from './crypto/default-crypto.ts';
import { isKemPublicKey, KEM_CIPHERTEXT_LENGTH, KEM_PUBLIC_LENGTH } from './crypto/mlkem768.ts';
import {
  type CryptoProvider,
  DH_LENGTH,
  type DhKeypair,
  type DhPublicKey,
  type KemKeypair,
  type KemPublicKey,
  TAG_LENGTH,
} from './crypto/provider.ts';
import { NoiseError, type NoiseErrorCode } from './error.ts';
import type { PublicKey } from './keypair.ts';
import type { Role, Token } from './pattern.ts';
import { type Protocol, protocolOf } from './protocol.ts';
import { SymmetricState } from './symmetric-state.ts';

export interface HandshakeOptions {
  /** The whole name, for example `HYBRID_IK_PROTOCOL`. */
  readonly protocol: string;
  readonly role: Role;
  readonly prologue: Uint8Array;
  /** Our static keypair; the KEM half only in hybrid suites. */
  readonly s: { readonly x25519: DhKeypair; readonly mlkem768?: KemKeypair };
  /** The responder's static public key: the initiator needs it. */
  readonly rs?: { readonly x25519: Uint8Array; readonly mlkem768?: Uint8Array };
  /** `defaultCrypto()` unless given. */
  readonly crypto?: CryptoProvider;
}

interface OwnKeys {
  readonly dh: DhKeypair;
  readonly kem: KemKeypair | undefined;
}

interface RemoteKeys {
  readonly dh: DhPublicKey;
  readonly kem: KemPublicKey | undefined;
}

export interface Transport {
  readonly send: CipherState;
  readonly receive: CipherState;
  /** Noise §11.2: unique to this channel; both sides have the same. */
  readonly handshakeHash: Uint8Array;
}

/**
 * Noise §5.3 as an interpreter of tokens, extended by the KEM tokens of contract §5. One object is one handshake: any error ends it,
 * and `split` uses it up; every later call then throws `state`.
 */
export class HandshakeState {
  readonly #protocol: Protocol;
  readonly #role: Role;
  readonly #crypto: CryptoProvider;
  readonly #symmetric: SymmetricState;
  readonly #s: OwnKeys;
  #e: OwnKeys | undefined;
  #rs: RemoteKeys | undefined;
  #re: RemoteKeys | undefined;
  #messageIndex = 0;
  #ended: string | undefined;

  /** INITIALIZE. Throws `unknown_protocol`, `missing_key`, `bad_public_key`. */
  static initialise(options: HandshakeOptions): HandshakeState {
    return new HandshakeState(options);
  }

  private constructor({ protocol, role, prologue, s, rs, crypto = defaultCrypto() }: HandshakeOptions) {
    this.#protocol = protocolOf(protocol);
    this.#role = role;
    this.#crypto = crypto;
    this.#symmetric = new SymmetricState(this.#protocol, crypto);
    this.#symmetric.mixHash(prologue);

    const usesKem = this.#protocol.pattern.usesKem;
    if (usesKem && !s.mlkem768) throw missingKey('initialise', 'our static ML-KEM key');
    this.#s = { dh: s.x25519, kem: usesKem ? s.mlkem768 : undefined };
    // <- s
    if (role === 'initiator') {
      if (!rs) throw missingKey('pre-message: s', "the responder's static key");
      const kem = usesKem ? new Uint8Array(rs.mlkem768 ?? []) : undefined;
      this.#rs = this.#remoteKeys(new Uint8Array(rs.x25519), kem, 'pre-message: s');
    }
    const { dh, kem } = this.#rs ?? { dh: s.x25519.publicKey, kem: this.#s.kem?.publicKey };
    this.#symmetric.mixHash(dh.bytes);
    if (kem) this.#symmetric.mixHash(kem.bytes);
  }

  /** The peer's static key: the responder knows it once it has read message 1. Undefined in suites without a KEM. */
  get remoteStatic(): PublicKey | undefined {
    const { dh, kem } = this.#rs ?? {};
    return dh && kem && { x25519: dh.bytes, mlkem768: kem.bytes };
  }

  /** The X25519 half alone, 32 bytes, in every suite. */
  get remoteStaticX25519(): Uint8Array | undefined {
    return this.#rs?.dh.bytes;
  }

  /** h as it stands; the channel's own hash when the handshake is complete. */
  get handshakeHash(): Uint8Array {
    return this.#symmetric.transcriptHash;
  }

  get isComplete(): boolean {
    return this.#messageIndex === this.#protocol.pattern.messages.length;
  }

  /** WRITEMESSAGE. Throws `state`, `bad_length` (over 65535 bytes), `low_order_point`, `bad_public_key`. */
  writeMessage(payload: Uint8Array): Uint8Array {
    const { tokens, step, overhead } = this.#begin('write');
    return this.#orEnd(() => {
      if (overhead + payload.length > MAX_NOISE_MESSAGE_BYTES)
        throw wrongLength(step, overhead + payload.length, overhead);
      const parts: Uint8Array[] = [];
      for (const token of tokens) this.#write(token, parts, `${step}: ${token}`);
      parts.push(...this.#symmetric.encryptAndHash(payload, `${step}: payload`));
      this.#messageIndex += 1;
      return Buffer.concat(parts);
    });
  }

  /** READMESSAGE: the payload. Throws `state`, `bad_length`, `decrypt_failed`, `low_order_point`, `bad_public_key`, `bad_ciphertext`. */
  readMessage(message: Uint8Array): Uint8Array {
    const { tokens, step, overhead } = this.#begin('read');
    return this.#orEnd(() => {
      if (message.length < overhead || message.length > MAX_NOISE_MESSAGE_BYTES) {
        throw wrongLength(step, message.length, overhead);
      }
      let rest = message;
      const take = (length: number): Uint8Array => {
        const taken = rest.subarray(0, length);
        rest = rest.subarray(length);
        return taken;
      };
      for (const token of tokens) this.#read(token, take, `${step}: ${token}`);
      const payload = this.#symmetric.decryptAndHash(rest, `${step}: payload`);
      this.#messageIndex += 1;
      return payload;
    });
  }

  /** SPLIT, seen from our side. Throws `state` unless the handshake is complete; the state cannot be used afterwards. */
  split(): Transport {
    this.#refuseWhenEnded('split');
    if (!this.isComplete) throw wrongState('split', 'the handshake is not complete');
    const handshakeHash = this.#symmetric.transcriptHash;
    const [fromInitiator, fromResponder] = this.#symmetric.split();
    this.#end('it was split');
    return this.#role === 'initiator'
      ? { send: fromInitiator, receive: fromResponder, handshakeHash }
      : { send: fromResponder, receive: fromInitiator, handshakeHash };
  }

  #write(token: Token, parts: Uint8Array[], step: string): void {
    const symmetric = this.#symmetric;
    switch (token) {
      case 'e': {
        const e = { dh: this.#crypto.generateDh(), kem: this.#s.kem && this.#crypto.generateKem() };
        this.#e = e;
        for (const key of [e.dh.publicKey, e.kem?.publicKey]) {
          if (!key) continue;
          parts.push(key.bytes);
          symmetric.mixHash(key.bytes);
        }
        return;
      }
      case 's':
        parts.push(...symmetric.encryptAndHash(this.#s.dh.publicKey.bytes, step));
        if (this.#s.kem) parts.push(...symmetric.encryptAndHash(this.#s.kem.publicKey.bytes, step));
        return;
      case 'skem': {
        const { ciphertext, sharedSecret } = encapsulate(this.#rs?.kem, step);
        parts.push(...symmetric.encryptAndHash(ciphertext, step));
        symmetric.mixKeyAndHash(sharedSecret);
        return;
      }
      case 'ekem': {
        const { ciphertext, sharedSecret } = encapsulate(this.#re?.kem, step);
        parts.push(ciphertext);
        symmetric.mixHash(ciphertext);
        symmetric.mixKey(sharedSecret);
        return;
      }
      default:
        symmetric.mixKey(this.#agree(token, step));
    }
  }

  #read(token: Token, take: (length: number) => Uint8Array, step: string): void {
    const symmetric = this.#symmetric;
    switch (token) {
      case 'e': {
        // Copies, and `slice` of a Buffer is none: the caller may use the message's buffer again.
        const dh = new Uint8Array(take(DH_LENGTH));
        const kem = this.#s.kem && new Uint8Array(take(KEM_PUBLIC_LENGTH));
        this.#re = this.#remoteKeys(dh, kem, step);
        symmetric.mixHash(dh);
        if (kem) symmetric.mixHash(kem);
        return;
      }
      case 's': {
        const dh = symmetric.decryptAndHash(take(DH_LENGTH + TAG_LENGTH), step);
        const kem = this.#s.kem && symmetric.decryptAndHash(take(KEM_PUBLIC_LENGTH + TAG_LENGTH), step);
        this.#rs = this.#remoteKeys(dh, kem, step);
        return;
      }
      case 'skem': {
        // Message 1 has no key yet and so no tag here; message 2 has.
        const ciphertext = symmetric.decryptAndHash(take(KEM_CIPHERTEXT_LENGTH + symmetric.tagLength), step);
        symmetric.mixKeyAndHash(decapsulate(this.#s.kem, ciphertext, step));
        return;
      }
      case 'ekem': {
        const ciphertext = take(KEM_CIPHERTEXT_LENGTH);
        symmetric.mixHash(ciphertext);
        symmetric.mixKey(decapsulate(this.#e?.kem, ciphertext, step));
        return;
      }
      default:
        symmetric.mixKey(this.#agree(token, step));
    }
  }

  /** The first letter of a token is the initiator's key, the second the responder's (Noise §7.1). */
  #agree(token: 'ee' | 'es' | 'se' | 'ss', step: string): Uint8Array {
    const isInitiator = this.#role === 'initiator';
    const ours = token[isInitiator ? 0 : 1] === 'e' ? this.#e : this.#s;
    const theirs = token[isInitiator ? 1 : 0] === 'e' ? this.#re : this.#rs;
    if (!ours || !theirs) throw missingKey(step, 'a key that no earlier token brought');
    let shared: Uint8Array;
    try {
      shared = ours.dh.agree(theirs.dh);
    } catch (cause) {
      throw failed('low_order_point', step, 'X25519 refused the public key', cause);
    }
    if (shared.every((byte) => byte === 0)) throw failed('low_order_point', step, 'the X25519 result is all zero');
    return shared;
  }

  /** Checks what can be checked without importing anything: keys are imported when an operation needs them. */
  #remoteKeys(dh: Uint8Array, kem: Uint8Array | undefined, step: string): RemoteKeys {
    if (dh.length !== DH_LENGTH) throw failed('bad_public_key', step, `the X25519 key has ${dh.length} bytes, not 32`);
    if (kem && !isKemPublicKey(kem)) {
      throw failed('bad_public_key', step, 'the ML-KEM key fails the check of FIPS 203 §7.2');
    }
    return { dh: this.#crypto.importDhPublic(dh), kem: kem && this.#crypto.importKemPublic(kem) };
  }

  #begin(direction: 'write' | 'read') {
    const step = `message ${this.#messageIndex + 1}`;
    this.#refuseWhenEnded(step);
    const tokens = this.#protocol.pattern.messages[this.#messageIndex];
    const overhead = this.#protocol.overheads[this.#messageIndex];
    if (!tokens || overhead === undefined) throw wrongState(step, 'the handshake is complete');
    const writer: Role = this.#messageIndex % 2 === 0 ? 'initiator' : 'responder';
    if ((writer === this.#role) !== (direction === 'write')) throw wrongState(step, `not our turn to ${direction}`);
    return { tokens, step, overhead };
  }

  #orEnd<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      this.#end('it failed');
      throw error;
    }
  }

  #end(reason: string): void {
    this.#ended = reason;
    this.#e = undefined;
    this.#symmetric.wipe();
  }

  #refuseWhenEnded(step: string): void {
    if (this.#ended) throw wrongState(step, `this handshake is over: ${this.#ended}`);
  }
}

function encapsulate(key: KemPublicKey | undefined, step: string) {
  if (!key) throw missingKey(step, "the peer's ML-KEM key");
  try {
    return key.encapsulate();
  } catch (cause) {
    throw failed('bad_public_key', step, 'encapsulation failed', cause);
  }
}

function decapsulate(key: KemKeypair | undefined, ciphertext: Uint8Array, step: string): Uint8Array {
  if (!key) throw missingKey(step, 'our ML-KEM key');
  try {
    return key.decapsulate(ciphertext);
  } catch (cause) {
    throw failed('bad_ciphertext', step, 'decapsulation failed', cause);
  }
}

function failed(code: NoiseErrorCode, step: string, message: string, cause?: unknown): NoiseError {
  return new NoiseError({ code, step, message, cause });
}

function missingKey(step: string, which: string): NoiseError {
  return failed('missing_key', step, `needs ${which}`);
}

function wrongState(step: string, message: string): NoiseError {
  return failed('state', step, message);
}

function wrongLength(step: string, length: number, least: number): NoiseError {
  return failed('bad_length', step, `${length} bytes; this message has ${least} to ${MAX_NOISE_MESSAGE_BYTES}`);
}
