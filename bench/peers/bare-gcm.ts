import crypto from 'node:crypto';
import type { Work } from '../interleave.ts';
import { joined, sealAndOpen } from '../records.ts';

const TAG_BYTES = 16;

/** AES-256-GCM as fast as Node has it: one key object, one nonce buffer, nothing checked but the tag. */
export function bareGcmRecords(size: number): Work {
  const key = crypto.createSecretKey(crypto.randomBytes(32));
  const nonce = Buffer.alloc(12);
  const channel = {
    seal(plaintext: Uint8Array) {
      const cipher = crypto.createCipheriv('aes-256-gcm', key, nonce);
      const ciphertext = cipher.update(plaintext);
      cipher.final();
      return [ciphertext, cipher.getAuthTag()];
    },
    open(record: Uint8Array) {
      const decipher = crypto.createDecipheriv('aes-256-gcm', key, nonce);
      decipher.setAuthTag(record.subarray(-TAG_BYTES));
      const plaintext = decipher.update(record.subarray(0, -TAG_BYTES));
      decipher.final();
      return plaintext;
    },
  };
  return sealAndOpen(channel, size, joined);
}
