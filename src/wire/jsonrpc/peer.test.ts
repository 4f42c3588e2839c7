import { describe, expect, it } from 'vitest';
import { WireError } from '../errors.ts';
import { rejectionCodeOf } from '../testing/code-of.ts';
import { type PipeEnd, pipe } from '../testing/pipe.ts';
import { type RpcHandlers, RpcPeer } from './peer.ts';
import { RPC_CODES, RpcError } from './rpc-error.ts';

const silent: RpcHandlers = {
  request: (method) => {
    throw new RpcError(RPC_CODES.METHOD_NOT_FOUND, method);
  },
  notification: () => undefined,
};

function connected(handlers: Partial<RpcHandlers> = {}) {
  const [near, far] = pipe();
  const closed: (Error | undefined)[] = [];
  const server = new RpcPeer(far, { ...silent, ...handlers, closed: (cause) => closed.push(cause) });
  return { client: new RpcPeer(near, silent), server, near, far, closed };
}

/** Lets messages under way arrive. */
const settle = async () => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

const inject = (end: PipeEnd, text: string) => end.deliver(Buffer.from(text));

describe('requests', () => {
  it('are answered with the result of the handler', async () => {
    const { client } = connected({ request: (method, params) => ({ method, params }) });
    await expect(client.request('echo', [1])).resolves.toEqual({ method: 'echo', params: [1] });
  });

  it('get null from a handler that returns nothing', async () => {
    const { client } = connected({ request: () => undefined });
    await expect(client.request('void')).resolves.toBeNull();
  });

  it('carry their trace context', async () => {
    const { client } = connected({ request: (_, __, { trace }) => trace });
    await expect(client.request('a', {}, { trace: { traceparent: '00-1' } })).resolves.toEqual({ traceparent: '00-1' });
  });

  it('reach the handler in the order of arrival, and may be answered in any other', async () => {
    const order: string[] = [];
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { client } = connected({
      request: async (method) => {
        order.push(method);
        if (method === 'slow') await held;
        return method;
      },
    });
    const slow = client.request('slow');
    await expect(client.request('quick')).resolves.toBe('quick');
    release?.();
    await expect(slow).resolves.toBe('slow');
    expect(order).toEqual(['slow', 'quick']);
  });

  it('fail with the error that a handler throws', async () => {
    const { client } = connected({
      request: () => {
        throw new RpcError(RPC_CODES.NOT_FOUND, 'no such file', { data: { path: 'x' } });
      },
    });
    await expect(client.request('a')).rejects.toMatchObject({
      code: -32004,
      message: 'no such file',
      data: { path: 'x' },
    });
  });

  it('fail with -32603 when a handler breaks', async () => {
    const { client } = connected({ request: () => Promise.reject(new TypeError('broken')) });
    await expect(client.request('a')).rejects.toMatchObject({ code: RPC_CODES.INTERNAL_ERROR, message: 'broken' });
  });

  it('fail with `closed` when the connection ends first', async () => {
    const { client, far } = connected({ request: () => new Promise(() => undefined) });
    const answer = rejectionCodeOf(client.request('a'));
    far.close();
    expect(await answer).toBe('closed');
    expect(await rejectionCodeOf(client.request('b'))).toBe('closed');
  });

  it('stop waiting at a signal, and their late answer harms nothing', async () => {
    let release: ((value: string) => void) | undefined;
    const { client, closed } = connected({
      request: (method) => (method === 'slow' ? new Promise((resolve) => (release = resolve)) : method),
    });
    const controller = new AbortController();
    const slow = client.request('slow', {}, { signal: controller.signal });
    await settle();
    controller.abort(new Error('enough'));
    await expect(slow).rejects.toThrow('enough');
    release?.('late');
    await expect(client.request('next')).resolves.toBe('next');
    expect(closed).toEqual([]);
  });
});

describe('violations', () => {
  it.each([
    ['malformed JSON', '{', 'malformed_json'],
    ['a key twice', '{"id":1,"id":2,"method":"a"}', 'duplicate_key'],
    ['an answer that nobody asked for', '{"id":77,"result":1}', 'unexpected_response'],
  ])('%s ends the connection', (_, text, code) => {
    const { far, closed } = connected();
    inject(far, text);
    expect(far.closedWith?.reason).toBe(code);
    expect(closed).toHaveLength(1);
  });

  it('a notification that the handler refuses ends it too', () => {
    const { far, closed } = connected({
      notification: () => {
        throw new RpcError(RPC_CODES.INVALID_REQUEST, 'not now');
      },
    });
    inject(far, '{"method":"initialized"}');
    expect(closed[0]).toMatchObject({ code: 'malformed_message' });
  });

  it('are answered with the id -1 where the handler wants that', async () => {
    const { far, client } = connected({ violation: () => 'answer', request: () => 'well' });
    inject(far, '{');
    expect(far.sent).toHaveLength(1);
    expect(far.sent[0]).toContain('{"id":-1,"error":{"code":-32600');
    far.sent.length = 0;
    expect(client.closed).toBe(false);
  });

  it('a result that is over 64 MiB ends the connection', async () => {
    const { client, closed } = connected({ request: () => 'a'.repeat(64 * 1024 * 1024) });
    expect(await rejectionCodeOf(client.request('fs/readFile'))).toBe('closed');
    expect(closed[0]).toBeInstanceOf(WireError);
    expect(closed[0]).toMatchObject({ code: 'too_large' });
  });
});

describe('the end', () => {
  it('is told once, whichever side closes', async () => {
    const { client, server, closed } = connected();
    client.close();
    server.close();
    await settle();
    expect(closed).toEqual([undefined]);
  });
});
