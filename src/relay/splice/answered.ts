import type { Duplex } from 'node:stream';
import type { Clock } from '../../telemetry/index.ts';

export interface AnsweredOptions {
  readonly peer: Duplex;
  readonly withinMs: number;
  readonly clock: Clock;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/**
 * Resolves when the first bytes of an answer are here, unread. Else `peer` is destroyed.
 *
 * @throws Error when it is silent for too long, or goes without a word; or the signal gave up
 */
export async function answered({ peer, withinMs, clock, signal }: AnsweredOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const readable = () =>
    peer.readableLength > 0 ? resolve() : reject(new Error('the other relay went without an answer'));
  const closed = () => reject(new Error('the other relay went without an answer'));
  const gone = () => reject(new Error('the harness left'));
  const timer = clock.after(withinMs, () => reject(new Error(`no answer within ${withinMs} ms`)));
  peer.once('readable', readable);
  peer.once('close', closed);
  signal.addEventListener('abort', gone);
  if (signal.aborted) gone();
  try {
    await promise;
  } catch (error) {
    peer.destroy();
    throw error;
  } finally {
    timer.cancel();
    peer.off('readable', readable);
    peer.off('close', closed);
    signal.removeEventListener('abort', gone);
  }
}
