import { KEM_SEED_LENGTH } from '../crypto/mlkem768.ts';
import { type CryptoProvider, DH_LENGTH } from '../crypto/provider.ts';
import { NoiseError, type NoiseErrorCode } from '../error.ts';
import { importKeypair, type Keypair, keyFingerprint } from '../keypair.ts';
import { base64Decode, base64Encode } from './base64.ts';
import { type FlatValue, parseFlatJson } from './flat-json.ts';

/** The public suite tag of contract §2.1. */
const SUITE = 'Noise_hybridIK_X25519+MLKEM768_AESGCM_SHA256';
const VERSION = '1';
const MEMBERS = ['version', 'suite', 'fingerprint', 'x25519PrivateKey', 'mlkem768Seed'] as const;

type Member = (typeof MEMBERS)[number];

/** A key file has 300 bytes; more room is for white space, and no more is read. */
export const MAX_KEY_FILE_BYTES = 4096;

const STEP = 'key file';

/** The bytes of docs/key-file.md, version 1. They hold private keys: the caller wipes them. */
export function encodeKeyFile(keypair: Keypair): Uint8Array {
  const privateKey = keypair.x25519.exportPrivate();
  const seed = keypair.mlkem768.exportSeed();
  const secrets = [base64Encode(privateKey), base64Encode(seed)] as const;
  const head = `{\n  "version": ${VERSION},\n  "suite": "${SUITE}",\n  "fingerprint": "${keyFingerprint(keypair.publicKey)}",\n`;
  const file = Buffer.concat([
    Buffer.from(`${head}  "x25519PrivateKey": "`),
    secrets[0],
    Buffer.from('",\n  "mlkem768Seed": "'),
    secrets[1],
    Buffer.from('"\n}\n'),
  ]);
  for (const bytes of [privateKey, seed, ...secrets]) bytes.fill(0);
  return file;
}

/** Throws `key_file_malformed` and `key_file_version`; no message repeats what the file holds. The caller wipes its bytes. */
export function decodeKeyFile(bytes: Uint8Array, crypto?: CryptoProvider): Keypair {
  if (bytes.length > MAX_KEY_FILE_BYTES) throw malformed(`more than ${MAX_KEY_FILE_BYTES} bytes`);
  const members = parseFlatJson(bytes);
  if (!members) throw malformed('not one flat JSON object of unescaped strings and integers');

  // The version first: the other rules are those of version 1.
  const version = text(members, 'version', 'integer');
  if (version !== VERSION) throw refused('key_file_version', `version ${version} is not known here, only ${VERSION}`);
  const stranger = [...members.keys()].find((name) => !MEMBERS.some((known) => known === name));
  if (stranger !== undefined) throw malformed(`an unknown member; known are ${MEMBERS.join(', ')}`);
  if (text(members, 'suite', 'string') !== SUITE) throw malformed(`"suite" is not ${SUITE}`);

  const x25519 = secret(members, 'x25519PrivateKey', DH_LENGTH);
  const mlkem768Seed = secret(members, 'mlkem768Seed', KEM_SEED_LENGTH);
  const keypair = importKeypair({ x25519, mlkem768Seed }, crypto);
  x25519.fill(0);
  mlkem768Seed.fill(0);
  if (text(members, 'fingerprint', 'string') !== keyFingerprint(keypair.publicKey)) {
    throw malformed('"fingerprint" is not that of the keys: the file is damaged or was edited');
  }
  return keypair;
}

function member(members: Map<string, FlatValue>, name: Member, kind: FlatValue['kind']): Uint8Array {
  const value = members.get(name);
  if (value?.kind !== kind) throw malformed(`"${name}" is missing or not a ${kind}`);
  return value.bytes;
}

function text(members: Map<string, FlatValue>, name: Member, kind: FlatValue['kind']): string {
  return Buffer.from(member(members, name, kind)).toString('latin1');
}

function secret(members: Map<string, FlatValue>, name: Member, length: number): Uint8Array {
  const bytes = base64Decode(member(members, name, 'string'));
  if (bytes?.length !== length) throw malformed(`"${name}" is not the padded base64 of ${length} bytes`);
  return bytes;
}

function malformed(message: string): NoiseError {
  return refused('key_file_malformed', message);
}

function refused(code: NoiseErrorCode, message: string): NoiseError {
  return new NoiseError({ code, step: STEP, message });
}
