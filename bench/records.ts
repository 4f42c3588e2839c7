import { handshake, parties } from './handshakes.ts';
import type { Work } from './interleave.ts';

const BATCH = 16;

/**
 * Seals and opens in batches. Only the calls are timed: `carry` stands for the way between, where a frame is built anyhow. A sealed record
 * leaves as [ciphertext, tag] and arrives in one piece, and the copy in between belongs to whoever frames it.
 */
export function sealAndOpen<S, R = S>(
  channel: { seal(plaintext: Uint8Array): S; open(record: R): unknown },
  size: number,
  carry: (sealed: S) => R,
): Work {
  const plaintext = new Uint8Array(size).fill(0x6e);
  return (times) => {
    let seconds = 0;
    for (let left = times; left > 0; left -= BATCH) {
      const count = Math.min(BATCH, left);
      const sealed: S[] = [];
      const started = performance.now();
      for (let done = 0; done < count; done++) sealed.push(channel.seal(plaintext));
      const between = performance.now();
      const records = sealed.map(carry);
      const resumed = performance.now();
      for (const record of records) channel.open(record);
      seconds += (between - started + (performance.now() - resumed)) / 1000;
    }
    return seconds;
  };
}

/** Our records, after a real handshake. */
export function ourRecords(size: number): Work {
  const { initiator, responder } = handshake(parties());
  return sealAndOpen(
    {
      seal: (plaintext) => initiator.send.seal(plaintext),
      open: (record: Uint8Array) => responder.receive.open(record),
    },
    size,
    (parts) => Buffer.concat(parts),
  );
}
