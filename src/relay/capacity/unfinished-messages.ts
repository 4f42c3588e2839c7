/** Below this it is pings, or the beginning of a message: nothing worth counting. */
const COUNTED_BYTES = 16_384;

export interface Sender {
  /** What was read of a message that is not whole yet. */
  readonly unfinishedBytes: number;
  terminate(reason: string): void;
}

/**
 * A message that is sent only in part lies in `ws`, up to 256 KiB of each socket, where no queue counts it. Over the limit those with most
 * of it are ended until the rest fits. To be called about every second. Returns how many were ended.
 */
export function endUnfinished(senders: Iterable<Sender>, limitBytes: number): number {
  const counted = [...senders]
    .map((sender) => ({ sender, bytes: sender.unfinishedBytes }))
    .filter(({ bytes }) => bytes >= COUNTED_BYTES)
    .toSorted((a, b) => b.bytes - a.bytes);
  let left = counted.reduce((sum, { bytes }) => sum + bytes, 0);
  let ended = 0;
  for (const { sender, bytes } of counted) {
    if (left <= limitBytes) break;
    sender.terminate('unfinished_message');
    left -= bytes;
    ended += 1;
  }
  return ended;
}
