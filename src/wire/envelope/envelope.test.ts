import fc from 'fast-check';
import protobuf from 'protobufjs/light.js';
import { describe, expect, it } from 'vitest';
import { parseStreamId } from '../ids.ts';
import { MAX_MESSAGE_BYTES, MAX_RECORD_BYTES } from '../limits.ts';
import { codeOf } from '../testing/code-of.ts';
import { anyFrame, anyStreamId, SAMPLE_FRAMES, STREAM_ID } from '../testing/frames.ts';
import { expectOnlyItsErrors } from '../testing/mutations.ts';
import { encodeDataFrame } from './data-frame.ts';
import { decodeFrame } from './decode.ts';
import { encodeFrame } from './encode.ts';
import type { FrameBody } from './frame.ts';

const S = Buffer.from(STREAM_ID).toString('hex');
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const unhex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('the examples of contract §4', () => {
  it.each<[string, FrameBody, string]>([
    ['resume', { type: 'resume', nextSeq: 0 }, `08 01 12 24 ${S} 3a 00`],
    ['reset "x"', { type: 'reset', reason: 'x' }, `08 01 12 24 ${S} 42 03 0a 01 78`],
    ['data seq 0', { type: 'data', seq: 0, payload: unhex('aabb') }, `08 01 12 24 ${S} 2a 06 18 01 22 02 aabb`],
    ['data seq 5', { type: 'data', seq: 5, payload: unhex('aabb') }, `08 01 12 24 ${S} 2a 08 08 05 18 01 22 02 aabb`],
    ['handshake', { type: 'handshake', payload: unhex('ccdd') }, `08 01 12 24 ${S} 52 04 0a 02 ccdd`],
  ])('write and read %s to the byte', (_, body, example) => {
    expect(hex(encodeFrame({ streamId: STREAM_ID, body }))).toBe(hex(unhex(example)));
    expect(decodeFrame(unhex(example))).toEqual({ streamId: STREAM_ID, body });
  });

  it('read zero values that are present', () => {
    const data = decodeFrame(unhex(`08 01 12 24 ${S} 18 00 20 00 2a 0a 08 00 10 00 18 01 22 02 aabb`));
    expect(data.body).toEqual({ type: 'data', seq: 0, payload: unhex('aabb') });
    expect(decodeFrame(unhex(`08 01 12 24 ${S} 3a 02 08 00`)).body).toEqual({ type: 'resume', nextSeq: 0 });
  });
});

describe('what decodeFrame refuses', () => {
  const head = `08 01 12 24 ${S}`;
  it.each<[string, string, string]>([
    ['an empty frame', '', 'unknown_version'],
    ['version 0', `08 00 12 24 ${S} 3a 00`, 'unknown_version'],
    ['version 2', `08 02 12 24 ${S} 3a 00`, 'unknown_version'],
    ['no version', `12 24 ${S} 3a 00`, 'unknown_version'],
    ['no stream id', '08 01 3a 00', 'bad_stream_id'],
    ['a blank stream id', '08 01 12 03 20 09 0a 3a 00', 'bad_stream_id'],
    ['a stream id over the limit', `08 01 12 80 01 ${'61'.repeat(128)} 3a 00`, 'bad_stream_id'],
    ['a stream id that is not UTF-8', '08 01 12 02 61 ff 3a 00', 'malformed_frame'],
    ['no body', head, 'bad_body'],
    ['two bodies', `${head} 3a 00 32 00`, 'bad_body'],
    ['a version twice', `${head} 3a 00 08 01`, 'duplicate_field'],
    ['a stream id twice', `${head} 12 01 61 3a 00`, 'duplicate_field'],
    ['a body twice', `${head} 3a 00 3a 00`, 'duplicate_field'],
    ['a trace twice', `${head} 3a 00 5a 01 61 5a 01 61`, 'duplicate_field'],
    ['segment_index 1', `${head} 2a 07 10 01 18 01 22 01 aa`, 'bad_body'],
    ['segment_count 0', `${head} 2a 03 22 01 aa`, 'bad_body'],
    ['segment_count 2', `${head} 2a 05 18 02 22 01 aa`, 'bad_body'],
    ['an empty payload', `${head} 2a 04 18 01 22 00`, 'bad_body'],
    ['no payload', `${head} 2a 02 18 01`, 'bad_body'],
    ['a seq twice', `${head} 2a 09 08 01 08 02 18 01 22 01 aa`, 'duplicate_field'],
    ['a seq over 32 bits', `${head} 2a 0b 08 80 80 80 80 10 18 01 22 01 aa`, 'malformed_frame'],
    ['a seq over 32 bits that fills 35', `${head} 2a 0b 08 81 80 80 80 1f 18 01 22 01 aa`, 'malformed_frame'],
    ['an overlong seq', `${head} 2a 08 08 85 00 18 01 22 01 aa`, 'malformed_frame'],
    ['an empty reason', `${head} 42 02 0a 00`, 'bad_body'],
    ['no reason', `${head} 42 00`, 'bad_body'],
    ['an empty handshake', `${head} 52 00`, 'bad_body'],
    ['an overlong version', `08 81 00 12 24 ${S} 3a 00`, 'malformed_frame'],
    ['a version with a length', `0a 01 01 12 24 ${S} 3a 00`, 'malformed_frame'],
    ['a body without a length', `${head} 38 00`, 'malformed_frame'],
    ['a group', `${head} 3a 00 6b 6c`, 'malformed_frame'],
    ['field 0', `${head} 3a 00 00 00`, 'malformed_frame'],
    ['a truncated body', `${head} 2a 05 18`, 'malformed_frame'],
    ['a truncated tag', `${head} 3a 00 80`, 'malformed_frame'],
    ['a length of 4 GiB', `${head} 2a ff ff ff ff 0f`, 'malformed_frame'],
  ])('%s', (_, bytes, code) => {
    expect(codeOf(() => decodeFrame(unhex(bytes)))).toBe(code);
  });

  it('a frame over 256 KiB', () => {
    const frame = Buffer.concat([unhex(`${head} 3a 00 6a 80 80 10`), Buffer.alloc(MAX_MESSAGE_BYTES)]);
    expect(codeOf(() => decodeFrame(frame))).toBe('too_large');
  });
});

describe('unknown fields', () => {
  it('are ignored at the top level and inside a body', () => {
    const nested = unhex(`08 01 12 24 ${S} 2a 08 28 07 18 01 22 02 aabb a8 01 05 a8 01 06 69 0102030405060708`);
    expect(decodeFrame(nested).body).toEqual({ type: 'data', seq: 0, payload: unhex('aabb') });
  });
});

describe('encodeFrame', () => {
  it.each<[string, FrameBody]>([
    ['an empty payload', { type: 'data', seq: 0, payload: Buffer.alloc(0) }],
    ['a seq over 32 bits', { type: 'data', seq: 2 ** 32, payload: Buffer.of(1) }],
    ['an empty reason', { type: 'reset', reason: '' }],
    ['an empty handshake', { type: 'handshake', payload: Buffer.alloc(0) }],
  ])('refuses %s', (_, body) => {
    expect(codeOf(() => encodeFrame({ streamId: STREAM_ID, body }))).toBe('bad_body');
  });

  it('writes what decodeFrame reads', () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        const { streamId, body } = decodeFrame(encodeFrame(frame));
        expect(streamId).toBe(frame.streamId);
        expect({ ...body }).toEqual(
          'payload' in frame.body ? { ...frame.body, payload: Buffer.from(frame.body.payload) } : frame.body,
        );
      }),
    );
  });

  it('writes what the reflection of protobufjs reads, field by field', () => {
    const field = (type: string, id: number) => ({ type, id });
    const type = protobuf.Root.fromJSON({
      nested: {
        Bytes: { fields: { payload: field('bytes', 1) } },
        Text: { fields: { reason: field('string', 1) } },
        Data: {
          fields: { seq: field('uint32', 1), segmentCount: field('uint32', 3), payload: field('bytes', 4) },
        },
        Frame: {
          fields: {
            version: field('uint32', 1),
            streamId: field('string', 2),
            data: field('Data', 5),
            reset: field('Text', 8),
            handshake: field('Bytes', 10),
            traceparent: field('string', 11),
          },
        },
      },
    }).lookupType('Frame');
    fc.assert(
      fc.property(anyFrame, (frame) => {
        const read = type.toObject(type.decode(encodeFrame(frame)));
        expect(read).toMatchObject({ version: 1, streamId: frame.streamId });
        if (frame.body.type === 'reset') expect(read.reset.reason).toBe(frame.body.reason);
        if (frame.body.type === 'handshake') expect(hex(read.handshake.payload)).toBe(hex(frame.body.payload));
        if (frame.body.type !== 'data') return;
        expect({ ...read.data, payload: hex(read.data.payload) }).toEqual({
          ...(frame.body.seq > 0 && { seq: frame.body.seq }),
          segmentCount: 1,
          payload: hex(frame.body.payload),
        });
        expect(read.traceparent ?? '').toBe(frame.body.traceparent ?? '');
      }),
    );
  });
});

describe('encodeDataFrame', () => {
  it('writes the bytes of encodeFrame, whatever the parts', () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 3 });
    const seq = fc.oneof(fc.nat(200), fc.integer({ min: 0, max: 0xffff_ffff }));
    fc.assert(
      fc.property(anyStreamId, seq, parts, (streamId, number, pieces) => {
        const payload = Buffer.concat(pieces);
        fc.pre(payload.length > 0);
        const expected = encodeFrame({ streamId, body: { type: 'data', seq: number, payload } });
        expect(hex(encodeDataFrame(streamId, number, pieces))).toBe(hex(expected));
      }),
    );
  });

  it('needs about 61.6 kB for the largest record', () => {
    const frame = encodeDataFrame(STREAM_ID, 0xffff_ffff, [Buffer.alloc(MAX_RECORD_BYTES)]);
    expect(frame.length).toBeLessThan(61_600);
  });

  it.each<[string, () => unknown, string]>([
    ['nothing', () => encodeDataFrame(STREAM_ID, 0, []), 'bad_body'],
    ['a seq over 32 bits', () => encodeDataFrame(STREAM_ID, 2 ** 32, [Buffer.of(1)]), 'bad_body'],
    ['too much', () => encodeDataFrame(parseStreamId('x'), 0, [Buffer.alloc(MAX_MESSAGE_BYTES)]), 'too_large'],
  ])('refuses %s', (_, encode, code) => {
    expect(codeOf(encode)).toBe(code);
  });
});

it('decodeFrame meets 10,000 broken frames with nothing but WireErrors', () => {
  expectOnlyItsErrors(decodeFrame, SAMPLE_FRAMES);
});
