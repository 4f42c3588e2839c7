import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_JSON_DEPTH, MAX_JSON_VALUES, MAX_RPC_BYTES } from '../limits.ts';
import { codeOf } from '../testing/code-of.ts';
import { expectOnlyItsErrors } from '../testing/mutations.ts';
import { encodeJsonRpc } from './encode.ts';
import type { JsonRpcMessage } from './message.ts';
import { parseJsonRpc } from './parse.ts';

const parse = (text: string) => parseJsonRpc(Buffer.from(text));

describe('the dialect of contract §6', () => {
  it.each<[string, JsonRpcMessage]>([
    ['{"id":1,"method":"a"}', { kind: 'request', id: 1, method: 'a' }],
    ['{"jsonrpc":"2.0","id":"x","method":"a","params":null}', { kind: 'request', id: 'x', method: 'a', params: null }],
    ['{"method":"a","params":[1]}', { kind: 'notification', method: 'a', params: [1] }],
    ['{"id":-1,"result":null}', { kind: 'response', id: -1, result: null }],
    ['{"result":{"id":2},"id":3}', { kind: 'response', id: 3, result: { id: 2 } }],
    [
      '{"id":1,"error":{"code":-32600,"message":"m","data":[],"more":1}}',
      { kind: 'error', id: 1, error: { code: -32600, message: 'm', data: [] } },
    ],
    [
      '{"id":1,"method":"a","trace":{"traceparent":"00-1","other":1}}',
      { kind: 'request', id: 1, method: 'a', trace: { traceparent: '00-1' } },
    ],
    [' {"id" : 1 ,\n"method":"a"}\t', { kind: 'request', id: 1, method: 'a' }],
    ['{"i\\u0064":7,"method":"a"}', { kind: 'request', id: 7, method: 'a' }],
    ['{"id":"1","method":"a","__proto__":{"params":1}}', { kind: 'request', id: '1', method: 'a' }],
  ])('reads %s', (text, message) => {
    expect(parse(text)).toEqual(message);
  });

  it.each<[string, JsonRpcMessage['kind'], bigint | number]>([
    ['9007199254740991', 'request', 9007199254740991],
    ['9007199254740993', 'request', 9007199254740993n],
    ['9223372036854775807', 'request', 9223372036854775807n],
    ['-9223372036854775808', 'request', -9223372036854775808n],
  ])('keeps the id %s to the last digit', (text, kind, id) => {
    const message = parse(`{"params":{"id":[0]},"id": ${text} ,"method":"a"}`);
    expect(message).toMatchObject({ kind, id });
    expect(Buffer.from(encodeJsonRpc(message)).toString()).toContain(`"id":${text},`);
  });

  it.each<[string, string]>([
    ['{"id":null,"method":"a"}', 'malformed_message'],
    ['{"id":null,"result":1}', 'malformed_message'],
    ['{"id":1.0,"method":"a"}', 'malformed_message'],
    ['{"id":1e3,"method":"a"}', 'malformed_message'],
    ['{"id":9223372036854775808,"method":"a"}', 'malformed_message'],
    ['{"id":{},"method":"a"}', 'malformed_message'],
    ['{"id":true,"method":"a"}', 'malformed_message'],
    ['{"id":[1,2],"result":1}', 'malformed_message'],
    ['{"id":1}', 'malformed_message'],
    ['{}', 'malformed_message'],
    ['[]', 'malformed_message'],
    ['[{"id":1,"method":"a"}]', 'malformed_message'],
    ['1', 'malformed_message'],
    ['"id"', 'malformed_message'],
    ['null', 'malformed_message'],
    ['{"id":1,"method":2}', 'malformed_message'],
    ['{"id":1,"error":{"code":1}}', 'malformed_message'],
    ['{"id":1,"error":{"code":1.5,"message":""}}', 'malformed_message'],
    ['{"id":1,"error":null}', 'malformed_message'],
    ['{"id":1,"id":1,"method":"a"}', 'duplicate_key'],
    ['{"id":1,"method":"a","params":{"x":[{"y":1,"y":2}]}}', 'duplicate_key'],
    ['{"id":1,"method":"a","m\\u0065thod":"b"}', 'duplicate_key'],
    ['{"__proto__":1,"__proto__":2}', 'duplicate_key'],
    ['{"id":1,"method":"a"', 'malformed_json'],
    ['{"id":1,"method":"a"}}', 'malformed_json'],
    ['{"id":1,"method":"a",}', 'malformed_json'],
    ['{"id":01,"method":"a"}', 'malformed_json'],
    ['{"\\x":1}', 'malformed_json'],
    ['\ufeff{"id":1,"method":"a"}', 'malformed_json'],
    ['', 'malformed_json'],
  ])('refuses %s', (text, code) => {
    expect(codeOf(() => parse(text))).toBe(code);
  });

  it('refuses what is not UTF-8', () => {
    const text = Buffer.concat([Buffer.from('{"method":"'), Uint8Array.of(0xff), Buffer.from('"}')]);
    expect(codeOf(() => parseJsonRpc(text))).toBe('malformed_json');
  });

  it.each([0, 1, 2, 3, 4, 5])('finds the end of a long string behind %i backslashes and a quote', (count) => {
    const long = `${'a'.repeat(100)}${'\\'.repeat(count)}"${'b'.repeat(100)}${'\\'.repeat(count)}`;
    const params = { [long]: long, '"': [long] };
    expect(parse(JSON.stringify({ method: long, params }))).toEqual({ kind: 'notification', method: long, params });
    const twice = JSON.stringify({ method: 'a', params: { x: long, y: 0 } }).replace('"y"', '"x"');
    expect(codeOf(() => parse(twice))).toBe('duplicate_key');
  });

  it('says nothing of the content in its errors', () => {
    try {
      parse('{"token":"sesame"');
    } catch (error) {
      expect(String(error)).not.toContain('sesame');
    }
  });
});

describe('limits', () => {
  const values = (count: number) =>
    `{"method":"a","params":[${Array(count - 3)
      .fill('0')
      .join(',')}]}`;

  it.each([260_000, MAX_JSON_VALUES])('takes %i values, all of them counted', (count) => {
    expect(parse(values(count)).kind).toBe('notification');
  });

  it('refuses one value more', () => {
    expect(codeOf(() => parse(values(MAX_JSON_VALUES + 1)))).toBe('json_too_complex');
  });

  it('refuses nesting over the limit, also in a text of a million brackets', () => {
    const nested = (depth: number) => `{"method":"a","params":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    expect(parse(nested(MAX_JSON_DEPTH)).kind).toBe('notification');
    expect(codeOf(() => parse(nested(MAX_JSON_DEPTH + 1)))).toBe('json_too_complex');
    expect(codeOf(() => parse('['.repeat(1_000_000)))).toBe('json_too_complex');
  });

  it('takes a message of 64 MiB, and no byte more', () => {
    const frame = '{"id":1,"result":""}';
    const message = (length: number) => parse(frame.replace('""', `"${'a'.repeat(length - frame.length)}"`));
    expect(message(MAX_RPC_BYTES).kind).toBe('response');
    expect(codeOf(() => message(MAX_RPC_BYTES + 1))).toBe('too_large');
    const result = 'a'.repeat(MAX_RPC_BYTES);
    expect(codeOf(() => encodeJsonRpc({ kind: 'response', id: 1, result }))).toBe('too_large');
  });
});

describe('any JSON', () => {
  const text = fc.string({
    unit: fc.constantFrom('"', '\\', 'a', '{', '}', '[', ',', ':', 'ü', ' ', '\n'),
    maxLength: 120,
  });
  const object = fc.dictionary(text, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 12 });

  it('is read as JSON.parse reads it, however it is spaced and escaped', () => {
    const style = fc.record({ indent: fc.constantFrom(0, 1, '\t'), escaped: fc.boolean() });
    fc.assert(
      fc.property(object, text, style, (params, method, { indent, escaped }) => {
        const plain = JSON.stringify({ id: 5, method, params }, null, indent);
        const source = escaped ? plain.replaceAll('ü', '\\u00fc') : plain;
        expect(parse(source)).toEqual({ kind: 'request', id: 5, method, params: JSON.parse(source).params });
      }),
      { numRuns: 2000 },
    );
  });

  it('is refused as soon as one of its keys stands twice', () => {
    fc.assert(
      fc.property(object, text, (inner, key) => {
        const { [key]: _, ...others } = inner;
        const members = Object.entries(others).map(
          ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
        );
        const twice = [`${JSON.stringify(key)}:1`, ...members, `${JSON.stringify(key)}:2`];
        expect(codeOf(() => parse(`{"id":1,"result":[{${twice.join(',')}}]}`))).toBe('duplicate_key');
      }),
      { numRuns: 2000 },
    );
  });

  it('comes back from encodeJsonRpc as it went in', () => {
    const id = fc.oneof(text, fc.maxSafeInteger(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }));
    const plain = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
    const message: fc.Arbitrary<JsonRpcMessage> = fc.oneof(
      fc.record({ kind: fc.constant('request' as const), id, method: text, params: plain }),
      fc.record({ kind: fc.constant('notification' as const), method: text, params: plain }),
      fc.record({ kind: fc.constant('response' as const), id, result: plain }),
      fc.record({
        kind: fc.constant('error' as const),
        id,
        error: fc.record({ code: fc.integer(), message: text, data: plain }),
      }),
    );
    fc.assert(
      fc.property(message, (value) => {
        expect(parseJsonRpc(encodeJsonRpc(value))).toEqual(value);
      }),
    );
  });
});

it('parseJsonRpc meets 10,000 broken messages with nothing but WireErrors', () => {
  const samples = [
    '{"id":1,"method":"process/start","params":{"argv":["/bin/sh","-c","echo \\"x\\""],"env":{"A":"b"},"tty":false}}',
    '{"id":"a","error":{"code":-32004,"message":"no such file"}}',
    '{"id":9223372036854775807,"result":{"dataBase64":"QUJD","n":[1.5e3,true,null,{"a":{"b":[]}}]}}',
  ];
  expectOnlyItsErrors(
    parseJsonRpc,
    samples.map((sample) => Buffer.from(sample)),
  );
});
