import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { startedProcessId } from './started-process.ts';
import { withoutSandbox } from './without-sandbox.ts';

const bytes = (text: string) => Buffer.from(text);
const strip = (text: string) => Buffer.from(withoutSandbox(bytes(text))).toString();

describe('withoutSandbox', () => {
  it.each([
    [
      '{"id":1,"method":"process/start","params":{"sandbox":{"a":[1,"}"]},"tty":false}}',
      '{"id":1,"method":"process/start","params":{"sandbox":null,"tty":false}}',
    ],
    ['{"params":{"path":"file:///x", "sandbox" : "x\\"y" }}', '{"params":{"path":"file:///x", "sandbox" : null }}'],
    [
      '{"params":{"roots":[{"id":"a","sandbox":{}},{"id":"b"},{"sandbox":true}]}}',
      '{"params":{"roots":[{"id":"a","sandbox":null},{"id":"b"},{"sandbox":null}]}}',
    ],
  ])('takes the request for a sandbox out of %s', (before, after) => expect(strip(before)).toBe(after));

  it.each([
    '{"id":9007199254740993,"params":{"env":{"sandbox":"1"},"argv":["\\"sandbox\\""]}}',
    '{"sandbox":1,"params":[{"sandbox":2}]}',
    '{"params":{"sandbox":',
    '"sandbox"',
  ])('leaves %s to the byte as it is', (text) => {
    const message = bytes(text);
    expect(withoutSandbox(message)).toBe(message);
  });

  it('keeps 64-bit integers and number spelling around what it replaces', () => {
    expect(strip('{"id":9007199254740993,"params":{"sandbox":{},"watchId":18446744073709551615,"x":1.0e0}}')).toBe(
      '{"id":9007199254740993,"params":{"sandbox":null,"watchId":18446744073709551615,"x":1.0e0}}',
    );
  });

  it('means the same as setting the member after a full parse, for any message', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue()), (id, sandbox, rest) => {
        const { roots: _, ...others } = rest;
        const message = { id, params: { ...others, sandbox } };
        const result: unknown = JSON.parse(strip(JSON.stringify(message)));
        expect(result).toEqual(JSON.parse(JSON.stringify({ id, params: { ...others, sandbox: null } })));
      }),
    );
  });

  it('never throws on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
        withoutSandbox(Buffer.concat([bytes('{"params":{"sandbox"'), tail]));
        startedProcessId(Buffer.concat([bytes('{"method":"process/start"'), tail]));
      }),
    );
  });
});

describe('startedProcessId', () => {
  it.each([
    ['{"id":1,"method":"process/start","params":{"argv":["a"],"processId":"p1"}}', 'p1'],
    ['{"params":{"processId":"p2"},"method":"process\\/start"}', 'p2'],
    ['{"params":{"processId":"p3"},"m\\u0065thod":"\\u0070rocess/start"}', 'p3'],
    ['{"method":"process/read","params":{"processId":"p4","note":"process/start"}}', undefined],
    ['{"method":"process/start","params":{"processId":5}}', undefined],
    ['{"method":"process/start"', undefined],
  ])('reads %s as %s', (message, expected) => expect(startedProcessId(bytes(message))).toBe(expected));
});
