import crypto from 'node:crypto';

/** The public-key operations of one hybridIK handshake and nothing else, on keys that are already imported. */
export function bareHybridOperations(): () => void {
  const ours = crypto.generateKeyPairSync('x25519');
  const theirs = crypto.generateKeyPairSync('x25519');
  const kem = crypto.generateKeyPairSync('ml-kem-768');
  const { ciphertext } = crypto.encapsulate(kem.publicKey);
  const pair = { privateKey: ours.privateKey, publicKey: theirs.publicKey };
  return () => {
    // es, ss, ee, se on both sides, and the two ephemeral keys, which cost about as much.
    for (let done = 0; done < 10; done++) crypto.diffieHellman(pair);
    for (let done = 0; done < 2; done++) crypto.generateKeyPairSync('ml-kem-768');
    for (let done = 0; done < 3; done++) crypto.encapsulate(kem.publicKey);
    for (let done = 0; done < 3; done++) crypto.decapsulate(kem.privateKey, ciphertext);
  };
}
