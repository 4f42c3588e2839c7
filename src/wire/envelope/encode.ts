import { WireError } from '../errors.ts';
import { parseStreamId } from '../ids.ts';
import { MAX_MESSAGE_BYTES } from '../limits.ts';
import type { Frame, FrameBody } from './frame.ts';
import {
  DATA_FIELD,
  ENVELOPE_VERSION,
  FIELD,
  HANDSHAKE_FIELD,
  MAX_UINT32,
  RESET_FIELD,
  RESUME_FIELD,
  WIRE_TYPE,
  Writer,
} from './schema.ts';

/**
 * Writes one envelope, for all but the hot path (`encodeDataFrame`). Zero values are left out.
 *
 * @throws WireError `bad_stream_id`; `bad_body` for an empty payload or reason, or a number over 32 bits; `too_large`
 */
export function encodeFrame({ streamId, body }: Frame): Uint8Array {
  const writer = Writer.create();
  writer.uint32(tag(FIELD.version, WIRE_TYPE.varint)).uint32(ENVELOPE_VERSION);
  writer.uint32(tag(FIELD.streamId, WIRE_TYPE.bytes)).string(parseStreamId(streamId));
  writeBody(writer, body);
  const bytes = writer.finish();
  if (bytes.length > MAX_MESSAGE_BYTES) throw new WireError('too_large', 'frame', `${bytes.length} bytes`);
  return bytes;
}

function writeBody(writer: Writer, body: FrameBody): void {
  switch (body.type) {
    case 'data':
      writer.uint32(tag(FIELD.data, WIRE_TYPE.bytes)).fork();
      writeNumber(writer, DATA_FIELD.seq, body.seq, 'data');
      writeNumber(writer, DATA_FIELD.segmentCount, 1, 'data');
      writePayload(writer, DATA_FIELD.payload, body.payload, 'data');
      writer.ldelim();
      if (body.traceparent !== undefined) writeText(writer, FIELD.traceparent, body.traceparent);
      if (body.tracestate !== undefined) writeText(writer, FIELD.tracestate, body.tracestate);
      return;
    case 'resume':
      writer.uint32(tag(FIELD.resume, WIRE_TYPE.bytes)).fork();
      writeNumber(writer, RESUME_FIELD.nextSeq, body.nextSeq, 'resume');
      writer.ldelim();
      return;
    case 'reset':
      if (body.reason === '') throw new WireError('bad_body', 'reset', 'no reason');
      writer.uint32(tag(FIELD.reset, WIRE_TYPE.bytes)).fork();
      writeText(writer, RESET_FIELD.reason, body.reason);
      writer.ldelim();
      return;
    case 'handshake':
      writer.uint32(tag(FIELD.handshake, WIRE_TYPE.bytes)).fork();
      writePayload(writer, HANDSHAKE_FIELD.payload, body.payload, 'handshake');
      writer.ldelim();
      return;
    case 'ack':
      writer.uint32(tag(FIELD.ackFrame, WIRE_TYPE.bytes)).uint32(0);
      return;
    case 'heartbeat':
      writer.uint32(tag(FIELD.heartbeat, WIRE_TYPE.bytes)).uint32(0);
      return;
  }
}

const tag = (field: number, wireType: number) => ((field << 3) | wireType) >>> 0;

function writeNumber(writer: Writer, field: number, value: number, step: string): void {
  if (!Number.isInteger(value) || value < 0 || value > MAX_UINT32) {
    throw new WireError('bad_body', step, `${value} is not a 32-bit number`);
  }
  if (value !== 0) writer.uint32(tag(field, WIRE_TYPE.varint)).uint32(value);
}

function writeText(writer: Writer, field: number, text: string): void {
  writer.uint32(tag(field, WIRE_TYPE.bytes)).string(text);
}

function writePayload(writer: Writer, field: number, payload: Uint8Array, step: string): void {
  if (payload.length === 0) throw new WireError('bad_body', step, 'no payload');
  writer.uint32(tag(field, WIRE_TYPE.bytes)).bytes(payload);
}
