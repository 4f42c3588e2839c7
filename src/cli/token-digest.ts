import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

/** Between two looks for the digest that the sidecar writes at its start. Milliseconds. */
const DIGEST_POLL_MS = 50;
const SHA256_HEX = /^[0-9a-f]{64}$/;

/** The sidecar makes its token at its first start and tells only the digest; either may be started first. */
export async function digestIn(file: string): Promise<string> {
  for (;;) {
    const digest = await readFile(file, 'utf8').catch(() => '');
    if (SHA256_HEX.test(digest.trim())) return digest.trim();
    await pause(DIGEST_POLL_MS);
  }
}
