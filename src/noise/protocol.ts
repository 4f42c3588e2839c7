import type { AeadName, HashName } from './crypto/provider.ts';
import { NoiseError } from './error.ts';
import { hybridIK, IK, messageOverheads, type Pattern } from './pattern.ts';

/** The name that is hashed into the transcript (contract §5.1). The public suite tag says `X25519`; this says `25519`. */
export const HYBRID_IK_PROTOCOL = 'Noise_hybridIK_25519+MLKEM768_AESGCM_SHA256';

export interface Protocol {
  readonly name: string;
  readonly pattern: Pattern;
  readonly aead: AeadName;
  readonly hash: HashName;
  /** Bytes that each message has beyond its payload. */
  readonly overheads: readonly number[];
}

const PROTOCOLS: readonly Protocol[] = (
  [
    { name: HYBRID_IK_PROTOCOL, pattern: hybridIK, aead: 'AESGCM', hash: 'SHA256' },
    { name: 'Noise_IK_25519_ChaChaPoly_BLAKE2s', pattern: IK, aead: 'ChaChaPoly', hash: 'BLAKE2s' },
    { name: 'Noise_IK_25519_AESGCM_SHA256', pattern: IK, aead: 'AESGCM', hash: 'SHA256' },
  ] satisfies Omit<Protocol, 'overheads'>[]
).map((protocol) => ({ ...protocol, overheads: messageOverheads(protocol.pattern) }));

/** Throws `unknown_protocol`. */
export function protocolOf(name: string): Protocol {
  const protocol = PROTOCOLS.find((known) => known.name === name);
  if (protocol) return protocol;
  const known = PROTOCOLS.map((each) => each.name).join(', ');
  throw new NoiseError({
    code: 'unknown_protocol',
    step: 'initialise',
    message: `no protocol ${JSON.stringify(name)}; known are ${known}`,
  });
}
