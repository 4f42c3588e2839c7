import fc from 'fast-check';
import { encodeFrame } from '../envelope/encode.ts';
import type { Frame } from '../envelope/frame.ts';
import { parseStreamId, type StreamId } from '../ids.ts';

export const STREAM_ID = parseStreamId('00000000-0000-4000-8000-000000000001');

const uint32 = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 0xffff_ffff }));
const bytes = fc.uint8Array({ minLength: 1, maxLength: 400 });
const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((value) => value.isWellFormed());

export const anyStreamId: fc.Arbitrary<StreamId> = fc.oneof(
  fc.uuid().map(parseStreamId),
  text.filter((value) => /[^\s\u0085]/.test(value) && Buffer.byteLength(value) <= 127).map(parseStreamId),
);

/** Every frame that may be sent. */
export const anyFrame: fc.Arbitrary<Frame> = fc.record({
  streamId: anyStreamId,
  body: fc.oneof(
    fc.record(
      {
        type: fc.constant('data' as const),
        seq: uint32,
        payload: bytes,
        traceparent: text,
        tracestate: text,
      },
      { requiredKeys: ['type', 'seq', 'payload'] },
    ),
    fc.record({ type: fc.constant('handshake' as const), payload: bytes }),
    fc.record({ type: fc.constant('reset' as const), reason: text.filter((reason) => reason !== '') }),
    fc.record({ type: fc.constant('resume' as const), nextSeq: uint32 }),
    fc.constant({ type: 'ack' as const }),
    fc.constant({ type: 'heartbeat' as const }),
  ),
});

/** One frame of each kind, and an unknown field. */
export const SAMPLE_FRAMES: readonly Uint8Array[] = [
  encodeFrame({ streamId: STREAM_ID, body: { type: 'data', seq: 70_000, payload: Buffer.alloc(200, 7) } }),
  encodeFrame({ streamId: STREAM_ID, body: { type: 'data', seq: 0, payload: Buffer.of(1), traceparent: '00-ab' } }),
  encodeFrame({ streamId: STREAM_ID, body: { type: 'handshake', payload: Buffer.alloc(300, 9) } }),
  encodeFrame({ streamId: STREAM_ID, body: { type: 'reset', reason: 'x' } }),
  encodeFrame({ streamId: STREAM_ID, body: { type: 'resume', nextSeq: 0 } }),
  encodeFrame({ streamId: parseStreamId('strøm'), body: { type: 'heartbeat' } }),
  Buffer.concat([encodeFrame({ streamId: STREAM_ID, body: { type: 'ack' } }), Buffer.from('a80105', 'hex')]),
];
