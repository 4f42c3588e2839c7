import crypto from 'node:crypto';
import type { Work } from '../interleave.ts';
import { sealAndOpen } from '../records.ts';

/** AES-256-GCM as fast as Node has it: one key object, one nonce buffer, nothing checked but the tag. */
export function bareGcmRecords(size: number): Work {
  const key = crypto.createSecretKey(crypto.randomBytes(32));
  const nonce = Buffer.alloc(12);
  return sealAndOpen(
    {
      seal(plaintext) {
        const cipher = crypto.createCipheriv('aes-256-gcm', key, nonce);
        const ciphertext = cipher.update(plaintext);
        cipher.final();
        return { ciphertext, tag: cipher.getAuthTag() };
      },
      open({ ciphertext, tag }: { ciphertext: Uint8Array; tag: Uint8Array }) {
        const decipher = crypto.createDecipheriv('aes-256-gcm', key, nonce);
        decipher.setAuthTag(tag);
        const plaintext = decipher.update(ciphertext);
        decipher.final();
        return plaintext;
      },
    },
    size,
    (sealed) => sealed,
  );
}
