import protobuf from 'protobufjs/light.js';
import { StreamTable } from '../../src/relay/flow/stream-table.ts';
import {
  createPeeked,
  encodeDataFrame,
  parseStreamId,
  peekFrame,
  peekFrameOf,
  streamHeader,
} from '../../src/wire/index.ts';
import { interleave, timed } from '../interleave.ts';
import type { Row } from '../row.ts';

const PAYLOAD_BYTES = 1024;
/** Streams of one executor, as many as a real one takes. */
const STREAMS = 128;

/** relay.proto, for the peer: protobufjs at its best, with the code that it generates for a type. */
const SCHEMA = {
  nested: {
    Data: {
      fields: {
        seq: { type: 'uint32', id: 1 },
        segmentIndex: { type: 'uint32', id: 2 },
        segmentCount: { type: 'uint32', id: 3 },
        payload: { type: 'bytes', id: 4 },
      },
    },
    Frame: {
      fields: {
        version: { type: 'uint32', id: 1 },
        streamId: { type: 'string', id: 2 },
        ack: { type: 'uint32', id: 3 },
        ackBits: { type: 'uint32', id: 4 },
        data: { type: 'Data', id: 5 },
      },
    },
  },
};

interface Entry {
  readonly id: Uint8Array;
  next: Entry | undefined;
}

/** As the relay routes: from a harness by the one stream that its socket is bound to, from an executor through its table. */
export const row: Row = {
  id: 'F1',
  what: 'routing decisions a second for frames of 1 KiB, half from harnesses, half from executors',
  must: 15,
  goal: 30,
  direction: '>=',
  peer: 'protobufjs decode + encode',
  async run() {
    const ids = Array.from({ length: STREAMS }, () => parseStreamId(crypto.randomUUID()));
    const headers = ids.map(streamHeader);
    const frames = ids.map((id, seq) => encodeDataFrame(id, seq + 70_000, [Buffer.alloc(PAYLOAD_BYTES, 0x5a)]));
    const table = new StreamTable<Entry>();
    for (const id of ids) table.add({ id: Buffer.from(id), next: undefined });
    const out = createPeeked();
    const ours = (frame: Uint8Array, index: number) => {
      if (peekFrameOf(frame, headers[index] ?? frame, out) !== undefined) throw new Error('not routed');
      if (peekFrame(frame, out) !== undefined) throw new Error('not routed');
      if (table.find(frame, out.streamIdStart, out.streamIdEnd) === undefined) throw new Error('not routed');
    };
    const type = protobuf.Root.fromJSON(SCHEMA).lookupType('Frame');
    const recode = (frame: Uint8Array) => type.encode(type.decode(frame)).finish();
    const peer = (frame: Uint8Array) => {
      if (recode(frame).length + recode(frame).length !== 2 * frame.length) throw new Error('not the same frame');
    };
    return interleave({ ours: timed(() => frames.forEach(ours)), peer: timed(() => frames.forEach(peer)) });
  },
};
