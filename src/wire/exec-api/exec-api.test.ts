import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../testing/code-of.ts';
import { expectOnlyItsErrors } from '../testing/mutations.ts';
import { decodeBase64 } from './base64.ts';
import {
  EXEC_METHODS,
  type ExecMethod,
  isExecMethod,
  isExecNotification,
  parseExecNotification,
  parseExecParams,
  parseExecResult,
} from './methods.ts';
import { sandboxRequest } from './sandbox.ts';

const start = { processId: 'p1', argv: ['/bin/bash', '-lc', 'ls'], cwd: 'file:///tmp', env: { A: 'b' }, tty: false };
const walkOptions = { maxDepth: 64, maxDirectories: 10_000, maxEntries: 50_000, followDirectorySymlinks: false };

/** The least that each method takes. */
const LEAST: Record<ExecMethod, object | undefined> = {
  initialize: { clientName: 'codex-environment' },
  'environment/info': undefined,
  'environment/status': undefined,
  'process/start': start,
  'process/read': { processId: 'p1' },
  'process/write': { processId: 'p1', chunk: '', writeId: 'w1' },
  'process/signal': { processId: 'p1', signal: 'interrupt' },
  'process/terminate': { processId: 'p1' },
  'fs/readFile': { path: 'file:///a' },
  'fs/writeFile': { path: 'file:///a', dataBase64: '' },
  'fs/getMetadata': { path: 'file:///a' },
  'fs/canonicalize': { path: 'file:///a' },
  'fs/readDirectory': { path: 'file:///a' },
  'fs/createDirectory': { path: 'file:///a' },
  'fs/remove': { path: 'file:///a' },
  'fs/copy': { sourcePath: 'file:///a', destinationPath: 'file:///b', recursive: false },
  'fs/walk': { path: 'file:///a', options: walkOptions },
  'fs/open': { handleId: 'h', path: 'file:///a' },
  'fs/readBlock': { handleId: 'h', offset: 0, len: 1 },
  'fs/writeBlock': { handleId: 'h', offset: 0, chunk: 'QQ==' },
  'fs/close': { handleId: 'h' },
  'http/request': { method: 'GET', url: 'https://example.com', requestId: 'r' },
};
const methods = Object.keys(EXEC_METHODS).filter(isExecMethod);

describe.each(methods)('params of %s', (method) => {
  const least = LEAST[method];

  it('pass with what is required, and with members that we do not know', () => {
    parseExecParams(method, least);
    parseExecParams(method, { ...least, later: { anything: 1 } });
  });

  it('fail with -32602 without any one of those', () => {
    for (const name of Object.keys(least ?? {})) {
      expect(codeOf(() => parseExecParams(method, { ...least, [name]: undefined }))).toBe(-32602);
    }
    expect(codeOf(() => parseExecParams(method, [1]))).toBe(-32602);
  });
});

describe('params', () => {
  it('of a process have the defaults of the contract', () => {
    expect(parseExecParams('process/start', { ...start, envPolicy: null, sandbox: null })).toMatchObject({
      pipeStdin: false,
      enforceManagedNetwork: false,
      envPolicy: null,
      sandbox: null,
    });
  });

  it('keep a sandbox request whole, whatever it holds', () => {
    const sandbox = { permissions: { type: 'later' }, more: [1, { a: 2 }] };
    expect(parseExecParams('process/start', { ...start, sandbox }).sandbox).toEqual(sandbox);
    expect(parseExecParams('fs/readFile', { path: 'file:///a', sandbox }).sandbox).toEqual(sandbox);
  });

  it('name the member that is wrong, and nothing of what it holds', () => {
    const params = { ...start, argv: [], env: { TOKEN: ['sesame'] } };
    expect(() => parseExecParams('process/start', params)).toThrow(/argv: too_small, env\.TOKEN: invalid_type/);
  });

  it.each<[ExecMethod, object]>([
    ['process/start', { ...start, argv: [] }],
    ['process/write', { processId: 'p', chunk: '', writeId: '' }],
    ['process/signal', { processId: 'p', signal: 'kill' }],
    ['process/read', { processId: 'p', afterSeq: -1 }],
    ['fs/readBlock', { handleId: 'h', offset: 0, len: 0 }],
    ['fs/readBlock', { handleId: 'h', offset: 0, len: 1_048_577 }],
    ['fs/readBlock', { handleId: 'h', offset: 0.5, len: 1 }],
    ['fs/open', { handleId: 'ü'.repeat(17), path: 'file:///a' }],
    ['fs/walk', { path: 'file:///a', options: { ...walkOptions, maxDepth: 65 } }],
    ['fs/walk', { path: 'file:///a', options: { ...walkOptions, maxEntries: 50_001 } }],
  ])('of %s refuse %j', (method, params) => {
    expect(codeOf(() => parseExecParams(method, params))).toBe(-32602);
  });

  it('meet 10,000 broken texts with nothing but RpcErrors', () => {
    const samples = methods.map((method) => Buffer.from(JSON.stringify({ method, params: LEAST[method] })));
    expectOnlyItsErrors(
      (bytes) => {
        const { method, params } = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
        if (typeof method === 'string' && isExecMethod(method)) parseExecParams(method, params);
      },
      samples,
      Error,
    );
  });
});

describe('results and notifications', () => {
  it('of older executors pass', () => {
    expect(parseExecResult('initialize', { sessionId: 's' })).toEqual({ sessionId: 's' });
    const old = { chunks: [], nextSeq: 1, exited: true, exitCode: 0, closed: true, failure: null };
    expect(parseExecResult('process/read', old)).toEqual(old);
    expect(parseExecResult('process/start', { processId: 'p' })).toEqual({ processId: 'p' });
  });

  it('of wrong shapes are WireErrors', () => {
    expect(codeOf(() => parseExecResult('initialize', {}))).toBe('malformed_value');
    expect(codeOf(() => parseExecResult('fs/close', null))).toBe('malformed_value');
    expect(codeOf(() => parseExecNotification('process/output', { processId: 'p' }))).toBe('malformed_value');
  });

  it('are known by name, and nothing of Object.prototype is', () => {
    expect(isExecNotification('process/closed')).toBe(true);
    expect(isExecMethod('toString')).toBe(false);
    expect(isExecNotification('__proto__')).toBe(false);
  });
});

describe('sandbox requests that are to be enforced', () => {
  const managed = {
    permissions: {
      type: 'managed',
      file_system: {
        type: 'restricted',
        entries: [
          { path: { type: 'special', value: { kind: 'root' } }, access: 'read' },
          { path: { type: 'path', path: 'file:///w' }, access: 'write', missing_path_behavior: 'skip' },
          { path: { type: 'glob_pattern', pattern: '**/.env' }, access: 'deny' },
        ],
      },
      network: 'restricted',
    },
    cwd: 'file:///w',
    workspaceRoots: ['file:///w'],
    windowsSandboxLevel: 'disabled',
  };

  it('are read as the real harness sends them', () => {
    const { windowsSandboxLevel: _, ...expected } = managed;
    expect(sandboxRequest.parse(managed)).toEqual(expected);
  });

  it.each(['special_later', 'path_later'])('are not read when they hold a kind that we do not know: %s', (type) => {
    const entries = [{ path: { type, value: { kind: 'root' } }, access: 'read' }];
    const file_system = { type: 'restricted', entries };
    const request = { ...managed, permissions: { ...managed.permissions, file_system } };
    expect(sandboxRequest.safeParse(request).success).toBe(false);
  });
});

describe('base64', () => {
  it('is decoded when it is standard and padded', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decodeBase64(Buffer.from(bytes).toString('base64')).equals(bytes)).toBe(true);
      }),
    );
  });

  it('is refused in every other spelling', () => {
    const alphabet = fc.constantFrom('A', 'B', 'Q', '/', '+', '=', '-', '_', ' ', '\n', 'ü', '.');
    fc.assert(
      fc.property(fc.string({ unit: alphabet, maxLength: 12 }), (text) => {
        const canonical = Buffer.from(text, 'base64').toString('base64') === text;
        expect(codeOf(() => decodeBase64(text))).toBe(canonical ? undefined : 'malformed_value');
      }),
      { numRuns: 10_000 },
    );
  });
});
