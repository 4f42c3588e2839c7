import { WireError } from '../errors.ts';
import { isStreamId, type StreamId } from '../ids.ts';
import { MAX_MESSAGE_BYTES } from '../limits.ts';
import type { DataBody, Frame, FrameBody } from './frame.ts';
import {
  BODY_KINDS,
  type BodyKind,
  DATA_FIELD,
  ENVELOPE_VERSION,
  FIELD,
  HANDSHAKE_FIELD,
  RESET_FIELD,
  RESUME_FIELD,
  WIRE_TYPE,
} from './schema.ts';
import { StrictReader } from './strict-reader.ts';

/** The top level of an envelope: what routing looks at, and the body not yet read. */
export interface TopLevel {
  streamId: StreamId;
  kind: BodyKind;
  body: Uint8Array;
  traceparent: string | undefined;
  tracestate: string | undefined;
}

/**
 * Reads one envelope in full, with every rule of contract §4 and a few that leave no two readings: no known field twice, shortest
 * varints, no groups. Unknown fields are ignored; a relay keeps them because it forwards the bytes.
 *
 * The payload is a view into `bytes`.
 *
 * @throws WireError `too_large`, `malformed_frame`, `duplicate_field`, `unknown_version`, `bad_stream_id`, `bad_body`
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  const top = readTopLevel(bytes);
  return { streamId: top.streamId, body: readBody(top) };
}

/** The first half of `decodeFrame`; apart so that a test can hold the relay's `peekFrame` against it. */
export function readTopLevel(bytes: Uint8Array): TopLevel {
  if (bytes.length > MAX_MESSAGE_BYTES) throw new WireError('too_large', 'frame', `${bytes.length} bytes`);
  let version = 0;
  let streamId: string | undefined;
  let traceparent: string | undefined;
  let tracestate: string | undefined;
  let kind: BodyKind | undefined;
  let body: Uint8Array | undefined;
  readFields(bytes, 'frame', TOP_LEVEL_TYPES, (field, reader) => {
    switch (field) {
      case FIELD.version:
        version = reader.uint32();
        return;
      case FIELD.streamId:
        streamId = reader.string();
        return;
      case FIELD.ack:
      case FIELD.ackBits:
        reader.uint32();
        return;
      case FIELD.traceparent:
        traceparent = reader.string();
        return;
      case FIELD.tracestate:
        tracestate = reader.string();
        return;
      default:
        if (kind) throw new WireError('bad_body', 'frame', 'two bodies');
        kind = BODY_KINDS[field];
        body = reader.bytes();
    }
  });
  if (version !== ENVELOPE_VERSION) throw new WireError('unknown_version', 'frame', `version ${version}`);
  if (!isStreamId(streamId)) throw new WireError('bad_stream_id', 'frame', 'missing, blank or too long');
  if (!kind || !body) throw new WireError('bad_body', 'frame', 'no body');
  return { streamId, kind, body, traceparent, tracestate };
}

/** Wire types by field number, one table a message. A field beyond its table is unknown. */
type WireTypes = readonly (number | undefined)[];

const { varint, bytes: lengthDelimited } = WIRE_TYPE;
const TOP_LEVEL_TYPES: WireTypes = [
  undefined,
  varint,
  lengthDelimited,
  varint,
  varint,
  lengthDelimited,
  lengthDelimited,
  lengthDelimited,
  lengthDelimited,
  lengthDelimited,
  lengthDelimited,
  lengthDelimited,
  lengthDelimited,
];
const DATA_TYPES: WireTypes = [undefined, varint, varint, varint, lengthDelimited];
const RESUME_TYPES: WireTypes = [undefined, varint];
const ONE_TEXT_OR_PAYLOAD_TYPES: WireTypes = [undefined, lengthDelimited];
const EMPTY_TYPES: WireTypes = [];

/** Calls `read` for each known field of one message, which must read its value, and skips the others. */
function readFields(
  bytes: Uint8Array,
  step: string,
  types: WireTypes,
  read: (field: number, reader: StrictReader) => void,
): void {
  const reader = new StrictReader(bytes, step);
  let seen = 0;
  while (!reader.done) {
    const tag = reader.tag();
    const { field, wireType } = tag;
    const expected = types[field];
    if (expected === undefined) {
      reader.skip(tag);
      continue;
    }
    if (wireType !== expected) throw reader.malformed(`wire type ${wireType} for field ${field}`);
    if ((seen & (1 << field)) !== 0) throw new WireError('duplicate_field', step, `field ${field}`);
    seen |= 1 << field;
    read(field, reader);
  }
}

function readBody(top: TopLevel): FrameBody {
  switch (top.kind) {
    case 'data':
      return readData(top);
    case 'resume': {
      let nextSeq = 0;
      readFields(top.body, 'resume', RESUME_TYPES, (field, reader) => {
        if (field === RESUME_FIELD.nextSeq) nextSeq = reader.uint32();
      });
      return { type: 'resume', nextSeq };
    }
    case 'reset': {
      let reason = '';
      readFields(top.body, 'reset', ONE_TEXT_OR_PAYLOAD_TYPES, (field, reader) => {
        if (field === RESET_FIELD.reason) reason = reader.string();
      });
      if (reason === '') throw new WireError('bad_body', 'reset', 'no reason');
      return { type: 'reset', reason };
    }
    case 'handshake':
      return readHandshake(top);
    default:
      readFields(top.body, top.kind, EMPTY_TYPES, () => undefined);
      return { type: top.kind };
  }
}

function readHandshake(top: TopLevel): FrameBody {
  let payload: Uint8Array = top.body.subarray(0, 0);
  readFields(top.body, 'handshake', ONE_TEXT_OR_PAYLOAD_TYPES, (field, reader) => {
    if (field === HANDSHAKE_FIELD.payload) payload = reader.bytes();
  });
  if (payload.length === 0) throw new WireError('bad_body', 'handshake', 'no payload');
  return { type: 'handshake', payload };
}

function readData({ body, traceparent, tracestate }: TopLevel): DataBody {
  let seq = 0;
  let segmentIndex = 0;
  let segmentCount = 0;
  let payload: Uint8Array = body.subarray(0, 0);
  readFields(body, 'data', DATA_TYPES, (field, reader) => {
    if (field === DATA_FIELD.payload) payload = reader.bytes();
    else if (field === DATA_FIELD.seq) seq = reader.uint32();
    else if (field === DATA_FIELD.segmentIndex) segmentIndex = reader.uint32();
    else segmentCount = reader.uint32();
  });
  if (segmentIndex !== 0) throw new WireError('bad_body', 'data', 'segment_index is not 0');
  if (segmentCount !== 1) throw new WireError('bad_body', 'data', 'segment_count is not 1');
  if (payload.length === 0) throw new WireError('bad_body', 'data', 'no payload');
  return {
    type: 'data',
    seq,
    payload,
    ...(traceparent !== undefined && { traceparent }),
    ...(tracestate !== undefined && { tracestate }),
  };
}
