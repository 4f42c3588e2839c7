import { isUtf8 } from 'node:buffer';
import type { WireErrorCode } from '../errors.ts';
import { isStreamId, type StreamId } from '../ids.ts';
import { MAX_MESSAGE_BYTES, MAX_STREAM_ID_BYTES } from '../limits.ts';
import { BODY_KINDS, type BodyKind, ENVELOPE_VERSION, FIELD, WIRE_TYPE } from './schema.ts';

/** Why a frame is dropped: the same words as in a `WireError`, without making one. */
export type PeekFailure = Extract<
  WireErrorCode,
  'too_large' | 'malformed_frame' | 'duplicate_field' | 'unknown_version' | 'bad_stream_id' | 'bad_body'
>;

/** What a relay may know of a frame. One object serves all frames of a socket. */
export interface Peeked {
  /** Where the UTF-8 of `stream_id` stands in the frame: 1 to `MAX_STREAM_ID_BYTES` bytes. */
  streamIdStart: number;
  streamIdEnd: number;
  kind: BodyKind;
  /** Scratch of `peekFrame`: the version read, and the known fields seen, one bit each. */
  version: number;
  seen: number;
}

export function createPeeked(): Peeked {
  return { streamIdStart: 0, streamIdEnd: 0, kind: 'heartbeat', version: 0, seen: 0 };
}

const VERSION_TAG = (FIELD.version << 3) | WIRE_TYPE.varint;
const STREAM_ID_TAG = (FIELD.streamId << 3) | WIRE_TYPE.bytes;
/** Where a stream id stands when it comes second: after both tags, the version and a length of one byte. */
const ID_START = 4;
/** Body kinds by the one byte of their tag. */
const KIND_BY_TAG: readonly (BodyKind | undefined)[] = Array.from({ length: 256 }, (_, tag) =>
  (tag & 7) === WIRE_TYPE.bytes && tag < 0x80 ? BODY_KINDS[tag >>> 3] : undefined,
);

const VARINT_FIELDS = (1 << FIELD.version) | (1 << FIELD.ack) | (1 << FIELD.ackBits);
const BODY_FIELDS =
  (1 << FIELD.data) |
  (1 << FIELD.ackFrame) |
  (1 << FIELD.resume) |
  (1 << FIELD.reset) |
  (1 << FIELD.heartbeat) |
  (1 << FIELD.handshake);

/** Failures inside the scan, as positions that no frame has. */
const MALFORMED = -1;
const DUPLICATE = -2;
const TWO_BODIES = -3;

/**
 * The relay's routing decision: reads all top-level fields of an envelope and no body. It accepts exactly what `decodeFrame` accepts at
 * the top level, and then leaves stream id and body kind in `out`; after a failure `out` is worth nothing.
 *
 * Allocates nothing as long as the stream id is ASCII. Unknown fields pass, and stay in the bytes that are forwarded.
 */
export function peekFrame(bytes: Uint8Array, out: Peeked): PeekFailure | undefined {
  const length = bytes.length;
  if (length > MAX_MESSAGE_BYTES) return 'too_large';
  if (peekPlain(bytes, out)) return undefined;
  return peekAny(bytes, out);
}

/**
 * The shape that every real peer writes: version, stream id in ASCII, one body, nothing else. The same answer as `peekAny`, in less than half
 * of its time; false leaves the frame to it.
 */
function peekPlain(bytes: Uint8Array, out: Peeked): boolean {
  if (bytes[0] !== VERSION_TAG || bytes[1] !== ENVELOPE_VERSION || bytes[2] !== STREAM_ID_TAG) return false;
  const idEnd = ID_START + (bytes[3] ?? 0);
  let bits = 0;
  for (let at = ID_START; at < idEnd; at += 1) bits |= bytes[at] ?? 0x80;
  // One byte of length, all ASCII, and a first character that is no space or control.
  if (idEnd > ID_START + MAX_STREAM_ID_BYTES || bits >= 0x80 || (bytes[ID_START] ?? 0) <= 0x20) return false;
  if (!endsInBody(bytes, idEnd, out)) return false;
  out.streamIdStart = ID_START;
  out.streamIdEnd = idEnd;
  return true;
}

/** Whether exactly one body stands from here to the end of the frame. */
function endsInBody(bytes: Uint8Array, start: number, out: Peeked): boolean {
  const kind = KIND_BY_TAG[bytes[start] ?? 0];
  const bodyStart = varintEnd(bytes, start + 1);
  if (kind === undefined || bodyStart < 0) return false;
  out.kind = kind;
  return bodyStart + uint32At(bytes, start + 1, bodyStart) === bytes.length;
}

function peekAny(bytes: Uint8Array, out: Peeked): PeekFailure | undefined {
  const length = bytes.length;
  out.seen = 0;
  out.version = 0;
  let at = 0;
  while (at < length) {
    const tagEnd = varintEnd(bytes, at);
    if (tagEnd < 0) return 'malformed_frame';
    const tag = uint32At(bytes, at, tagEnd);
    const field = tag >>> 3;
    if (field === 0) return 'malformed_frame';
    at = field > FIELD.tracestate ? skipValue(bytes, tagEnd, tag & 7) : readKnown(bytes, tagEnd, tag, out);
    if (at < 0) return at === DUPLICATE ? 'duplicate_field' : at === TWO_BODIES ? 'bad_body' : 'malformed_frame';
  }
  if (out.version !== ENVELOPE_VERSION) return 'unknown_version';
  if ((out.seen & (1 << FIELD.streamId)) === 0 || !isGoodStreamId(bytes, out)) return 'bad_stream_id';
  return (out.seen & BODY_FIELDS) === 0 ? 'bad_body' : undefined;
}

/** The stream id of a frame that `peekFrame` accepted, which is why it needs no check. */
export function streamIdOf(bytes: Uint8Array, { streamIdStart, streamIdEnd }: Peeked): StreamId {
  return bufferOf(bytes).toString('utf8', streamIdStart, streamIdEnd) as StreamId;
}

/** The first bytes of each plain frame of one stream, for `peekFrameOf`. Ids are short enough for a length of one byte. */
export function streamHeader(streamId: StreamId): Uint8Array {
  const id = Buffer.from(streamId, 'utf8');
  return Buffer.concat([Uint8Array.of(VERSION_TAG, ENVELOPE_VERSION, STREAM_ID_TAG, id.length), id]);
}

/**
 * `peekFrame` and `isOfStream` in one pass, for a socket that is bound to a stream: one comparison reads and routes.
 *
 * @param header of `streamHeader`
 */
export function peekFrameOf(
  bytes: Uint8Array,
  header: Uint8Array,
  out: Peeked,
): PeekFailure | 'other_stream' | undefined {
  if (bytes.length > MAX_MESSAGE_BYTES) return 'too_large';
  if (startsWith(bytes, 0, header) && endsInBody(bytes, header.length, out)) {
    out.streamIdStart = ID_START;
    out.streamIdEnd = header.length;
    return undefined;
  }
  const failure = peekFrame(bytes, out);
  if (failure !== undefined) return failure;
  return isOfStream(bytes, out, header.subarray(ID_START)) ? undefined : 'other_stream';
}

/** Whether a frame that `peekFrame` accepted is of this stream, given its id in UTF-8; allocates nothing. */
export function isOfStream(bytes: Uint8Array, { streamIdStart, streamIdEnd }: Peeked, id: Uint8Array): boolean {
  return streamIdEnd - streamIdStart === id.length && startsWith(bytes, streamIdStart, id);
}

function startsWith(bytes: Uint8Array, start: number, expected: Uint8Array): boolean {
  for (let offset = 0; offset < expected.length; offset += 1) {
    if (bytes[start + offset] !== expected[offset]) return false;
  }
  return true;
}

/** The position after a known field's value, or a failure. */
function readKnown(bytes: Uint8Array, start: number, tag: number, out: Peeked): number {
  const field = tag >>> 3;
  const bit = 1 << field;
  const isVarint = (VARINT_FIELDS & bit) !== 0;
  if ((tag & 7) !== (isVarint ? WIRE_TYPE.varint : WIRE_TYPE.bytes)) return MALFORMED;
  if ((out.seen & bit) !== 0) return DUPLICATE;
  if ((BODY_FIELDS & bit) !== 0) {
    if ((out.seen & BODY_FIELDS) !== 0) return TWO_BODIES;
    out.kind = BODY_KINDS[field] ?? out.kind;
  }
  out.seen |= bit;
  const valueStart = varintEnd(bytes, start);
  if (valueStart < 0) return MALFORMED;
  const value = uint32At(bytes, start, valueStart);
  if (isVarint) {
    if (field === FIELD.version) out.version = value;
    return valueStart;
  }
  if (value > bytes.length - valueStart) return MALFORMED;
  const end = valueStart + value;
  if (field === FIELD.streamId) {
    out.streamIdStart = valueStart;
    out.streamIdEnd = end;
  }
  const isText = field === FIELD.streamId || field > FIELD.handshake;
  return isText && !isTextBetween(bytes, valueStart, end) ? MALFORMED : end;
}

function skipValue(bytes: Uint8Array, start: number, wireType: number): number {
  switch (wireType) {
    case WIRE_TYPE.varint:
      return varint64End(bytes, start);
    case WIRE_TYPE.fixed64:
      return within(bytes, start + 8);
    case WIRE_TYPE.fixed32:
      return within(bytes, start + 4);
    case WIRE_TYPE.bytes: {
      const valueStart = varintEnd(bytes, start);
      return valueStart < 0 ? MALFORMED : within(bytes, valueStart + uint32At(bytes, start, valueStart));
    }
    default:
      return MALFORMED;
  }
}

function within(bytes: Uint8Array, end: number): number {
  return end > bytes.length ? MALFORMED : end;
}

/** The position after a 32-bit varint in its shortest form. */
function varintEnd(bytes: Uint8Array, start: number): number {
  if (start >= bytes.length) return MALFORMED;
  let at = start;
  while ((bytes[at] ?? 0) >= 0x80) {
    at += 1;
    if (at === start + 5 || at >= bytes.length) return MALFORMED;
  }
  const last = bytes[at] ?? 0;
  if (at > start && last === 0) return MALFORMED;
  return at === start + 4 && last > 0x0f ? MALFORMED : at + 1;
}

/** The same of 64 bits. */
function varint64End(bytes: Uint8Array, start: number): number {
  if (start >= bytes.length) return MALFORMED;
  let at = start;
  while ((bytes[at] ?? 0) >= 0x80) {
    at += 1;
    if (at === start + 10 || at >= bytes.length) return MALFORMED;
  }
  const last = bytes[at] ?? 0;
  if (at > start && last === 0) return MALFORMED;
  return at === start + 9 && last > 1 ? MALFORMED : at + 1;
}

/** The value of the varint that `varintEnd` measured. */
function uint32At(bytes: Uint8Array, start: number, end: number): number {
  let value = (bytes[start] ?? 0) & 0x7f;
  for (let at = start + 1, shift = 7; at < end; at += 1, shift += 7) value |= ((bytes[at] ?? 0) & 0x7f) << shift;
  return value >>> 0;
}

function isTextBetween(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    if ((bytes[at] ?? 0) >= 0x80) return isUtf8(bytes.subarray(start, end));
  }
  return true;
}

function isGoodStreamId(bytes: Uint8Array, { streamIdStart, streamIdEnd }: Peeked): boolean {
  if (streamIdEnd - streamIdStart > MAX_STREAM_ID_BYTES) return false;
  for (let at = streamIdStart; at < streamIdEnd; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte > 0x20 && byte < 0x80) return true;
  }
  return isStreamId(bufferOf(bytes).toString('utf8', streamIdStart, streamIdEnd));
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
