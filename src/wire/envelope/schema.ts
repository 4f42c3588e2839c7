import protobuf from 'protobufjs/minimal.js';

/**
 * The schema `relay.proto` as static numbers: `protobufjs/minimal` reads and writes with them, and no code is generated when a process
 * starts.
 */
export const FIELD = {
  version: 1,
  streamId: 2,
  ack: 3,
  ackBits: 4,
  data: 5,
  ackFrame: 6,
  resume: 7,
  reset: 8,
  heartbeat: 9,
  handshake: 10,
  traceparent: 11,
  tracestate: 12,
} as const;

export const DATA_FIELD = { seq: 1, segmentIndex: 2, segmentCount: 3, payload: 4 } as const;
export const RESUME_FIELD = { nextSeq: 1 } as const;
export const RESET_FIELD = { reason: 1 } as const;
export const HANDSHAKE_FIELD = { payload: 1 } as const;

/** The only version (contract §4). */
export const ENVELOPE_VERSION = 1;

export const WIRE_TYPE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

export type BodyKind = 'data' | 'ack' | 'resume' | 'reset' | 'heartbeat' | 'handshake';

/** Body kinds by field number; the numbers before `data` have none. */
export const BODY_KINDS: readonly (BodyKind | undefined)[] = [
  undefined,
  undefined,
  undefined,
  undefined,
  undefined,
  'data',
  'ack',
  'resume',
  'reset',
  'heartbeat',
  'handshake',
];

export const MAX_UINT32 = 0xffff_ffff;

export const { Reader, Writer } = protobuf;
export type Reader = protobuf.Reader;
export type Writer = protobuf.Writer;
