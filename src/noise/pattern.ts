import { KEM_CIPHERTEXT_LENGTH, KEM_PUBLIC_LENGTH } from './crypto/mlkem768.ts';
import { DH_LENGTH, TAG_LENGTH } from './crypto/provider.ts';

export type Role = 'initiator' | 'responder';

/**
 * The tokens of Noise §7.1, and two for KEMs: `skem` encapsulates to the reader's static key, `ekem` to its ephemeral key.
 * In a suite with a KEM `e` and `s` carry two public keys, the DH key first.
 */
export type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss' | 'skem' | 'ekem';

/** A pattern whose only pre-message is `<- s`: the initiator knows the responder's static key. */
export interface Pattern {
  readonly name: string;
  readonly usesKem: boolean;
  /** The initiator writes the first message; the parties take turns. */
  readonly messages: readonly (readonly Token[])[];
}

/** Noise §7.5. */
export const IK: Pattern = {
  name: 'IK',
  usesKem: false,
  // <- s
  // ...
  messages: [
    ['e', 'es', 's', 'ss'], // -> e, es, s, ss
    ['e', 'ee', 'se'], // <- e, ee, se
  ],
};

/** Contract §5.1: the second message begins with the KEMs, unlike early drafts of the pattern. */
export const hybridIK: Pattern = {
  name: 'hybridIK',
  usesKem: true,
  // <- s
  // ...
  messages: [
    ['skem', 'e', 'es', 's', 'ss'], // -> skem, e, es, s, ss
    ['ekem', 'skem', 'e', 'ee', 'se'], // <- ekem, skem, e, ee, se
  ],
};

/**
 * Bytes that each message of a pattern has beyond its payload: 3568 and 3424 for hybridIK, 96 and 48 for IK. Known beforehand, so
 * that a message too short is refused before any key is touched.
 */
export function messageOverheads({ messages, usesKem }: Pattern): readonly number[] {
  let hasKey = false;
  const sizeOf = (token: Token): number => {
    const tag = hasKey ? TAG_LENGTH : 0;
    switch (token) {
      case 'e':
        return DH_LENGTH + (usesKem ? KEM_PUBLIC_LENGTH : 0);
      case 's':
        return DH_LENGTH + tag + (usesKem ? KEM_PUBLIC_LENGTH + tag : 0);
      case 'skem':
        return KEM_CIPHERTEXT_LENGTH + tag;
      case 'ekem':
        return KEM_CIPHERTEXT_LENGTH;
      case 'ee':
      case 'es':
      case 'se':
      case 'ss':
        return 0;
    }
  };
  return messages.map((tokens) => {
    let size = 0;
    for (const token of tokens) {
      size += sizeOf(token);
      hasKey ||= token !== 'e' && token !== 's';
    }
    return size + (hasKey ? TAG_LENGTH : 0);
  });
}
