import type { Socket } from 'node:net';
import type { Receiver } from './load.ts';

const LOOK_MS = 1;

/** Lets a socket read no more than so many bytes a second. @returns what lets it read freely again */
export function readSlowly(socket: Socket, receiver: Receiver, bytesPerSecond: number): () => void {
  const start = { at: performance.now(), bytes: receiver.bytes };
  const looking = setInterval(() => {
    const allowed = ((performance.now() - start.at) * bytesPerSecond) / 1_000;
    if (receiver.bytes - start.bytes > allowed) socket.pause();
    else socket.resume();
  }, LOOK_MS);
  return () => {
    clearInterval(looking);
    socket.resume();
  };
}
