import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../../telemetry/index.ts';
import { Keepalive } from '../relay/keepalive.ts';

/** Bytes queued toward one side above which the other is no longer read: four of the largest messages. */
const HIGH_WATER_BYTES = 1024 * 1024;

/** Below this it is read again. */
const LOW_WATER_BYTES = 256 * 1024;

/** A side that does not finish its closing handshake in this time is cut, in milliseconds. */
const CLOSE_PATIENCE_MS = 2000;

/** Why a pair ended. */
export type CarryEnd = 'child_left' | 'relay_closed' | 'relay_silent' | 'connector_closed';

export interface Carried {
  readonly ended: Promise<CarryEnd>;
  close(): void;
}

export interface CarryOptions {
  /** The socket of our child, on loopback; it is read from here on. */
  child: WebSocket;
  /** The paused socket of `dialRelay`. */
  relay: WebSocket;
  clock: Clock;
}

/**
 * Carries WebSocket messages between child and relay: unchanged, in order, text as text. A slow side stops the reading of the other. The
 * relay is watched, the child's own pings are answered here, and the end of one side is the end of the other.
 */
export function carry({ child, relay, clock }: CarryOptions): Carried {
  const { promise, resolve } = Promise.withResolvers<CarryEnd>();
  let over = false;
  const end = (why: CarryEnd, code?: number, reason?: Buffer) => {
    if (over) return;
    over = true;
    keepalive.stop();
    const sides: [WebSocket, CarryEnd][] = [
      [child, 'child_left'],
      [relay, 'relay_closed'],
    ];
    for (const [side, own] of sides) if (own !== why) leave(side, clock, code, reason);
    if (why === 'relay_silent') relay.terminate();
    resolve(why);
  };
  const toRelay = pipe(child, relay);
  pipe(relay, child);
  const keepalive = new Keepalive({
    socket: relay,
    clock,
    flushedBytes: toRelay,
    onSilence: () => end('relay_silent'),
  });
  child.on('error', () => child.terminate());
  child.once('close', (code, reason) => end('child_left', code, reason));
  relay.once('close', (code, reason) => end('relay_closed', code, reason));
  // The relay may have closed while the child's upgrade was being answered.
  if (relay.readyState !== relay.OPEN && relay.readyState !== relay.CLOSING) end('relay_closed');
  else relay.resume();
  return { ended: promise, close: () => end('connector_closed', 1001) };
}

/** @returns how many bytes went to the network so far */
function pipe(from: WebSocket, to: WebSocket): () => number {
  let sent = 0;
  const drained = () => {
    if (from.isPaused && to.bufferedAmount <= LOW_WATER_BYTES) from.resume();
  };
  from.on('message', (data: RawData, binary: boolean) => {
    if (to.readyState !== to.OPEN) return;
    sent += lengthOf(data);
    to.send(data, { binary }, drained);
    if (to.bufferedAmount > HIGH_WATER_BYTES) from.pause();
  });
  return () => sent - to.bufferedAmount;
}

function lengthOf(data: RawData): number {
  if (Array.isArray(data)) return data.reduce((sum, part) => sum + part.length, 0);
  return data.byteLength;
}

/** Closes after what is queued was sent. A side that is not read would never see the answer: it is read again, into nothing. */
function leave(side: WebSocket, clock: Clock, code?: number, reason?: Buffer): void {
  if (side.readyState === side.CLOSED) return;
  if (side.isPaused) side.resume();
  side.close(isSendable(code) ? code : 1000, isSendable(code) ? reason : undefined);
  const timer = clock.after(CLOSE_PATIENCE_MS, () => side.terminate());
  side.once('close', () => timer.cancel());
}

/** The codes that an endpoint may put into a close frame (RFC 6455 §7.4). */
function isSendable(code: number | undefined): code is number {
  if (code === undefined) return false;
  return (code >= 3000 && code <= 4999) || (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code));
}
