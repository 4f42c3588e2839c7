import type { WebSocket } from 'ws';
import type { Clock, Timer } from '../../telemetry/index.ts';

/** Both ends ping this often and give up when nothing came for that long (`our-side.md` §3, §4). */
const PING_MS = 5_000;
const SILENCE_MS = 10_000;

/** Pings a peer and cuts the socket when it is silent. Returns what stops it. */
export function keepAlive(socket: WebSocket, clock: Clock): () => void {
  let heardAt = clock.now();
  let timer: Timer | undefined;
  const heard = () => {
    heardAt = clock.now();
  };
  // At the latest when the silence is too long: until then harnesses are sent where nobody answers.
  const arm = () => {
    timer = clock.after(Math.min(PING_MS, heardAt + SILENCE_MS - clock.now()), look);
  };
  const look = () => {
    if (clock.now() - heardAt >= SILENCE_MS) return socket.terminate();
    if (socket.readyState === socket.OPEN) socket.ping();
    arm();
  };
  socket.on('pong', heard);
  socket.on('ping', heard);
  socket.on('message', heard);
  arm();
  return () => timer?.cancel();
}
