import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_MESSAGE_BYTES } from '../limits.ts';
import { anyFrame, anyStreamId, SAMPLE_FRAMES, STREAM_ID } from '../testing/frames.ts';
import { brokenBytes, MUTATIONS } from '../testing/mutations.ts';
import { readTopLevel, type TopLevel } from './decode.ts';
import { encodeFrame } from './encode.ts';
import { createPeeked, isOfStream, peekFrame, peekFrameOf, streamHeader, streamIdOf } from './peek.ts';

function readOrUndefined(bytes: Uint8Array): TopLevel | undefined {
  try {
    return readTopLevel(bytes);
  } catch {
    return undefined;
  }
}

/** The peek and the full reader accept the same frames, and see the same stream and kind in them. */
function expectAgreement(bytes: Uint8Array): void {
  const out = createPeeked();
  const read = readOrUndefined(bytes);
  const failure = peekFrame(bytes, out);
  const header = streamHeader(read?.streamId ?? STREAM_ID);
  expect(peekFrameOf(bytes, header, createPeeked())).toBe(failure);
  if (!read) {
    expect(failure).toBeDefined();
    return;
  }
  expect(failure).toBeUndefined();
  expect(out.kind).toBe(read.kind);
  expect(streamIdOf(bytes, out)).toBe(read.streamId);
  expect(isOfStream(bytes, out, Buffer.from(read.streamId))).toBe(true);
}

/** Top-level fields in any order and number, with lengths and varints that are often wrong. */
const anyFields = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '0801',
        '0802',
        '120178',
        '1224',
        '3a00',
        '3200',
        '2a0418012201',
        '5a0161',
        '6201ff',
        '18ffffffff0f',
        '18ffffffff1f',
      ),
      fc.constantFrom('880100', 'a80105', '6d01020304', '690102030405060708', '6b', '1800', '0881', '12028120', '00'),
      fc.constantFrom(
        'aa0100',
        'a801ffffffffffffffffff01',
        'a801ffffffffffffffffff02',
        'a801ffffffffffffffffffff01',
        '120120',
      ),
      fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    ),
    { maxLength: 7 },
  )
  .map((fields) => Buffer.from(fields.join(''), 'hex'));

describe('the peek agrees with the full reader', () => {
  it('on every frame that may be sent', () => {
    fc.assert(fc.property(anyFrame, (frame) => expectAgreement(encodeFrame(frame))));
  });

  it('on 10,000 broken frames', () => {
    fc.assert(fc.property(brokenBytes(SAMPLE_FRAMES), expectAgreement), { numRuns: MUTATIONS });
  });

  it('on 10,000 sequences of fields', () => {
    fc.assert(fc.property(anyFields, expectAgreement), { numRuns: MUTATIONS });
  });

  it('on the size limit', () => {
    const padded = (length: number) => Buffer.concat([SAMPLE_FRAMES[4] ?? Buffer.of(), padding(length)]);
    const room = MAX_MESSAGE_BYTES - padded(0).length;
    expect(peekFrame(padded(room), createPeeked())).toBeUndefined();
    expect(peekFrame(padded(room + 1), createPeeked())).toBe('too_large');
    expectAgreement(padded(room));
    expectAgreement(padded(room + 1));
  });
});

/** Unknown field 13, with a length of three bytes. */
function padding(length: number): Buffer {
  const size = length + 20_000;
  return Buffer.concat([
    Uint8Array.of(0x6a, (size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, size >> 14),
    Buffer.alloc(size),
  ]);
}

describe('a socket that is bound to a stream', () => {
  it('tells the frames of another one', () => {
    fc.assert(
      fc.property(anyFrame, anyStreamId, (frame, bound) => {
        const failure = peekFrameOf(encodeFrame(frame), streamHeader(bound), createPeeked());
        expect(failure).toBe(frame.streamId === bound ? undefined : 'other_stream');
      }),
    );
  });

  it('is not taken in by an id that only begins alike', () => {
    const frame = encodeFrame({ streamId: STREAM_ID, body: { type: 'heartbeat' } });
    const out = createPeeked();
    expect(peekFrame(frame, out)).toBeUndefined();
    expect(isOfStream(frame, out, Buffer.from(STREAM_ID.slice(0, -1)))).toBe(false);
    expect(isOfStream(frame, out, Buffer.from(`${STREAM_ID}0`))).toBe(false);
  });
});
