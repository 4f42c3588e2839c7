import type { StreamId } from '../ids.ts';

export interface DataBody {
  type: 'data';
  /** 0, 1, 2, … per stream and direction. */
  seq: number;
  /** One Noise record: ciphertext and tag. */
  payload: Uint8Array;
  traceparent?: string;
  tracestate?: string;
}

export type FrameBody =
  | DataBody
  | { type: 'ack' }
  | { type: 'resume'; nextSeq: number }
  | { type: 'reset'; reason: string }
  | { type: 'heartbeat' }
  | { type: 'handshake'; payload: Uint8Array };

/** One envelope: one binary WebSocket message (contract §4). */
export interface Frame {
  streamId: StreamId;
  body: FrameBody;
}
