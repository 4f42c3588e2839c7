import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock, settle } from '../../telemetry/testing/manual-clock.ts';
import { configMaps } from '../objects/builtin.ts';
import { MemoryApiServer } from '../testing/index.ts';
import type { ObjectApi } from './api.ts';
import { reviewToken } from './reviews.ts';

const REF = { namespace: 'a', name: 'x' };

describe('RestApi', () => {
  let clock: ManualClock;
  let server: MemoryApiServer;
  let api: ObjectApi;

  beforeEach(() => {
    clock = new ManualClock();
    server = new MemoryApiServer({ clock });
    api = server.api();
  });

  /** Answers so before the next `times` requests get through. */
  function refuse(times: number, status: number, headers: Record<string, string> = {}): void {
    let left = times;
    server.intercept(() => (left-- > 0 ? { status, headers, body: {} } : undefined));
  }

  it('repeats a write that the server asks to repeat, after the time that it names', async () => {
    refuse(1, 429, { 'retry-after': '3' });
    const made = api.create(configMaps, { metadata: REF });
    await clock.advanceSlowly(2_900);
    expect(server.requests).toHaveLength(1);

    await clock.advanceSlowly(2_000);

    expect((await made).metadata.name).toBe('x');
    expect(server.requests).toHaveLength(2);
  });

  it('does not repeat a write that may have been executed', async () => {
    refuse(1, 500);

    await expect(api.create(configMaps, { metadata: REF })).rejects.toMatchObject({
      code: 'InternalError',
      retryable: true,
    });
    expect(server.requests).toHaveLength(1);
  });

  it('repeats a read a few times, then says so', async () => {
    refuse(100, 503);
    const found = expect(api.find(configMaps, REF)).rejects.toMatchObject({ code: 'ServiceUnavailable', status: 503 });
    await clock.advanceSlowly(20_000);
    await found;

    expect(server.requests).toHaveLength(5);
  });

  it('hands a long Retry-After to the caller instead of waiting', async () => {
    refuse(1, 429, { 'retry-after': '120' });

    await expect(api.find(configMaps, REF)).rejects.toMatchObject({ code: 'TooManyRequests', retryAfterMs: 120_000 });
  });

  it('stops waiting when its signal aborts', async () => {
    refuse(100, 503);
    const stop = new AbortController();
    const found = expect(api.find(configMaps, REF, { signal: stop.signal })).rejects.toThrow('enough');
    await settle();
    stop.abort(new Error('enough'));

    await found;
  });

  it('begins a list again when its pages expire while it is read', async () => {
    for (let at = 0; at < 501; at++) await api.create(configMaps, { metadata: { namespace: 'a', name: `x${at}` } });
    const forget = server.intercept(({ path }) => {
      if (!path.includes('continue=')) return undefined;
      forget();
      server.compact();
      return undefined;
    });

    expect((await api.list(configMaps, { namespace: 'a' })).items).toHaveLength(501);
  });

  it('throws Expired for a watch from before the compaction', async () => {
    const { resourceVersion } = await api.list(configMaps);
    await api.create(configMaps, { metadata: REF });
    server.compact();
    const watch = api.watch(configMaps, { resourceVersion });

    await expect(watch[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'Expired' });
  });

  it('takes a token for authenticated only with an audience of ours', async () => {
    const answer = (audiences: string[] | undefined) => {
      const status = { authenticated: true, user: { username: 'u', groups: ['g'] }, audiences };
      return server.intercept(({ path }) =>
        path.endsWith('/tokenreviews') ? { status: 201, body: { status } } : undefined,
      );
    };
    const review = () => reviewToken(api, { token: 't', audiences: ['ours'] });

    const stop = answer(undefined);
    expect((await review()).authenticated).toBe(false);
    stop();
    answer(['ours']);
    expect(await review()).toMatchObject({ authenticated: true, username: 'u', groups: ['g'] });
  });
});
