import { WireError } from '../errors.ts';
import type { StreamId } from '../ids.ts';
import { MAX_MESSAGE_BYTES } from '../limits.ts';
import { DATA_FIELD, ENVELOPE_VERSION, FIELD, MAX_UINT32, WIRE_TYPE } from './schema.ts';
import { varintLength, writeVarint } from './varint.ts';

const VERSION_TAG = (FIELD.version << 3) | WIRE_TYPE.varint;
const STREAM_ID_TAG = (FIELD.streamId << 3) | WIRE_TYPE.bytes;
const DATA_TAG = (FIELD.data << 3) | WIRE_TYPE.bytes;
const SEQ_TAG = (DATA_FIELD.seq << 3) | WIRE_TYPE.varint;
const SEGMENT_COUNT_TAG = (DATA_FIELD.segmentCount << 3) | WIRE_TYPE.varint;
const PAYLOAD_TAG = (DATA_FIELD.payload << 3) | WIRE_TYPE.bytes;

/**
 * `encodeFrame` for data on the hot path: the record is given in parts (ciphertext, tag) and copied once, into one buffer. Written by
 * hand; a property test holds that it writes the bytes of `encodeFrame`.
 *
 * @param seq 0 … 2^32 − 1
 * @throws WireError `bad_body` for an empty record or a `seq` over 32 bits; `too_large`
 */
export function encodeDataFrame(streamId: StreamId, seq: number, parts: readonly Uint8Array[]): Uint8Array {
  let payloadLength = 0;
  for (const part of parts) payloadLength += part.length;
  if (payloadLength === 0) throw new WireError('bad_body', 'data', 'no payload');
  if (!Number.isInteger(seq) || seq < 0 || seq > MAX_UINT32) {
    throw new WireError('bad_body', 'data', `${seq} is not a 32-bit number`);
  }
  const idLength = Buffer.byteLength(streamId);
  const seqLength = seq === 0 ? 0 : 1 + varintLength(seq);
  const dataLength = seqLength + 2 + 1 + varintLength(payloadLength) + payloadLength;
  const length = 2 + 1 + varintLength(idLength) + idLength + 1 + varintLength(dataLength) + dataLength;
  if (length > MAX_MESSAGE_BYTES) throw new WireError('too_large', 'data', `${length} bytes`);

  const frame = Buffer.allocUnsafe(length);
  let at = 0;
  frame[at++] = VERSION_TAG;
  frame[at++] = ENVELOPE_VERSION;
  frame[at++] = STREAM_ID_TAG;
  at = writeVarint(frame, at, idLength);
  at += frame.write(streamId, at, 'utf8');
  frame[at++] = DATA_TAG;
  at = writeVarint(frame, at, dataLength);
  if (seq !== 0) {
    frame[at++] = SEQ_TAG;
    at = writeVarint(frame, at, seq);
  }
  frame[at++] = SEGMENT_COUNT_TAG;
  frame[at++] = 1;
  frame[at++] = PAYLOAD_TAG;
  at = writeVarint(frame, at, payloadLength);
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}
