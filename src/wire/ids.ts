import { createHash } from 'node:crypto';
import { keyFingerprint, type PublicKey } from '../noise/index.ts';
import { WireError } from './errors.ts';
import { MAX_REGISTRATION_ID_BYTES, MAX_STREAM_ID_BYTES } from './limits.ts';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** What a harness connects to: `<namespace>_<executor>`, `[a-z0-9_-]{1,64}` (our-side §1). */
export type EnvironmentId = Branded<'EnvironmentId'>;
/** One key of one life of an executor; the unit of routing. Opaque text. */
export type RegistrationId = Branded<'RegistrationId'>;
/** One harness socket's channel. Chosen by the harness; any text with a non-space character. */
export type StreamId = Branded<'StreamId'>;
/** `k1`, `k2`, …: the name of one static keypair of one executor. */
export type KeyId = Branded<'KeyId'>;
/** One life of an executor: a pod UID, or for `External` the fingerprint of its process's key. */
export type Incarnation = Branded<'Incarnation'>;
/** One life of a relay replica. */
export type BootId = Branded<'BootId'>;
/** `SHA256:` and 43 base64 characters, of an executor's key. */
export type Fingerprint = Branded<'Fingerprint'>;
/** The same hash of a harness key: what tables, tickets and logs name it by. */
export type KeyHash = Branded<'KeyHash'>;

const ENVIRONMENT_ID = /^[a-z0-9_-]{1,64}$/;
const KEY_ID = /^k[1-9][0-9]{0,8}$/;
const INCARNATION = /^[A-Za-z0-9+/:._-]{1,128}$/;
const BOOT_ID = /^[A-Za-z0-9_-]{8,64}$/;
const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}$/;

/** Longer environment ids end in this many hexadecimal characters of a SHA-256: 128 bits (our-side §1). */
const ENVIRONMENT_ID_HASH_LENGTH = 32;
const MAX_ENVIRONMENT_ID_LENGTH = 64;

function byPattern<Id extends string>(what: string, pattern: RegExp) {
  const is = (text: unknown): text is Id => typeof text === 'string' && pattern.test(text);
  const parse = (text: string): Id => {
    if (!is(text)) throw new WireError('malformed_value', what, `does not match ${pattern.source}`);
    return text;
  };
  return { is, parse };
}

const environmentId = byPattern<EnvironmentId>('environment id', ENVIRONMENT_ID);
const keyId = byPattern<KeyId>('key id', KEY_ID);
const incarnation = byPattern<Incarnation>('incarnation', INCARNATION);
const bootId = byPattern<BootId>('boot id', BOOT_ID);
const fingerprint = byPattern<Fingerprint>('fingerprint', FINGERPRINT);
const keyHashText = byPattern<KeyHash>('key hash', FINGERPRINT);

export const isEnvironmentId = environmentId.is;
export const isKeyId = keyId.is;
export const isIncarnation = incarnation.is;
export const isBootId = bootId.is;
export const isFingerprint = fingerprint.is;
export const isKeyHash = keyHashText.is;

/** @throws WireError `malformed_value`, as do all parsers of this file. */
export const parseEnvironmentId = environmentId.parse;
export const parseKeyId = keyId.parse;
export const parseIncarnation = incarnation.parse;
export const parseBootId = bootId.parse;
export const parseFingerprint = fingerprint.parse;
export const parseKeyHash = keyHashText.parse;

/** `SHA256:9vJm…Q3c`: enough to tell two keys apart on a screen, never to be compared by a program. */
export function shortFingerprint(text: string): string {
  const [scheme, digest = ''] = text.split(':');
  return `${scheme}:${digest.slice(0, 4)}…${digest.slice(-3)}`;
}

/** Whether a character is neither white space for us nor for a peer that goes by Unicode's White_Space (U+0085 is only that). */
const NON_BLANK = /[^\s\u0085]/;

const isShortText = (text: unknown, maxBytes: number): text is string =>
  typeof text === 'string' && text.length <= maxBytes && Buffer.byteLength(text) <= maxBytes && NON_BLANK.test(text);

export function isRegistrationId(text: unknown): text is RegistrationId {
  return isShortText(text, MAX_REGISTRATION_ID_BYTES);
}

export function parseRegistrationId(text: string): RegistrationId {
  if (isRegistrationId(text)) return text;
  throw new WireError('malformed_value', 'registration id', `is blank or over ${MAX_REGISTRATION_ID_BYTES} bytes`);
}

export function isStreamId(text: unknown): text is StreamId {
  return isShortText(text, MAX_STREAM_ID_BYTES);
}

/** @throws WireError `bad_stream_id` for a blank one or one over `MAX_STREAM_ID_BYTES`. */
export function parseStreamId(text: string): StreamId {
  if (isStreamId(text)) return text;
  throw new WireError('bad_stream_id', 'stream id', `is blank or over ${MAX_STREAM_ID_BYTES} bytes`);
}

/**
 * The environment id of an executor (our-side §1). A text over 64 characters keeps its head and ends in `-` and 128 bits of its SHA-256.
 * For a fleet pass `_<fleet>` as the name: no other id contains `__`, because executor names are DNS labels.
 */
export function environmentIdOf(namespace: string, name: string): EnvironmentId {
  const plain = `${namespace}_${name}`;
  if (plain.length <= MAX_ENVIRONMENT_ID_LENGTH) return parseEnvironmentId(plain);
  const hash = createHash('sha256').update(plain).digest('hex').slice(0, ENVIRONMENT_ID_HASH_LENGTH);
  const head = plain.slice(0, MAX_ENVIRONMENT_ID_LENGTH - ENVIRONMENT_ID_HASH_LENGTH - 1);
  return parseEnvironmentId(`${head}-${hash}`);
}

/** Parts, each preceded by its length in bytes as an unsigned 64-bit big-endian number: no two lists give the same bytes. */
export function lengthPrefixed(...parts: readonly string[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const bytes = Buffer.from(part, 'utf8');
      const length = Buffer.alloc(8);
      length.writeBigUInt64BE(BigInt(bytes.length));
      return [length, bytes];
    }),
  );
}

/** `executor_registration_id` as every registry computes it (our-side §1): base64url of a SHA-256, 43 characters. */
export function registrationIdOf(
  environment: EnvironmentId,
  life: Incarnation,
  keyFingerprintText: Fingerprint,
): RegistrationId {
  const bytes = lengthPrefixed(environment, life, keyFingerprintText);
  return parseRegistrationId(createHash('sha256').update(bytes).digest('base64url'));
}

/** The fingerprint of an executor's public key. */
export function fingerprintOf(publicKey: PublicKey): Fingerprint {
  return parseFingerprint(keyFingerprint(publicKey));
}

/** The same of a harness's public key. */
export function keyHash(publicKey: PublicKey): KeyHash {
  return parseKeyHash(keyFingerprint(publicKey));
}
