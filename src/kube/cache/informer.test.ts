import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../telemetry/index.ts';
import { ManualClock, settle } from '../../telemetry/testing/manual-clock.ts';
import { ApiError } from '../client/errors.ts';
import { WATCH_SILENCE_MS } from '../client/watch.ts';
import { MemoryApiServer } from '../memory/memory-api-server.ts';
import { configMaps } from '../objects/builtin.ts';
import { keyOf } from '../objects/resource.ts';
import { ALL_NAMESPACES, Informer } from './informer.ts';

const log = createLogger({ component: 'test', level: 'silent' });

describe('Informer', () => {
  let clock: ManualClock;
  let server: MemoryApiServer;
  let informer: Informer<Awaited<ReturnType<typeof make>>>;
  let changes: string[];
  let stop: AbortController;
  let running: Promise<void>;

  const make = (namespace: string, name: string) => server.api().create(configMaps, { metadata: { namespace, name } });
  const known = () =>
    informer.store
      .list()
      .map(({ metadata }) => keyOf(metadata))
      .sort();
  const count = (text: string) =>
    server.requests.filter((request) => request.includes('configmaps') && request.includes(text)).length;

  beforeEach(() => {
    clock = new ManualClock();
    server = new MemoryApiServer({ clock });
    informer = new Informer({ api: server.api(), resource: configMaps, clock, log, random: () => 0 });
    changes = [];
    informer.onChange(({ type, object }) => changes.push(`${type} ${keyOf(object.metadata)}`));
    stop = new AbortController();
    running = informer.run(stop.signal);
  });
  afterEach(async () => {
    stop.abort();
    await running;
  });

  it('follows namespaces that come and go', async () => {
    await make('a', '1');
    await make('b', '1');
    informer.follow(['a']);
    expect(informer.synced()).toBe(false);
    await informer.whenSynced();
    expect(known()).toEqual(['a/1']);

    informer.follow(['b']);
    await informer.whenSynced();
    await make('a', '2');
    await make('b', '2');
    await settle();

    expect(known()).toEqual(['b/1', 'b/2']);
    expect(changes).toEqual(['added a/1', 'deleted a/1', 'added b/1', 'added b/2']);
    expect([informer.synced('a'), informer.synced('b')]).toEqual([false, true]);
  });

  it('resumes a watch that broke from the last version, bookmarks included, without listing again', async () => {
    informer.follow(ALL_NAMESPACES);
    await informer.whenSynced();
    await settle();
    await server.api().create(configMaps, { metadata: { namespace: 'a', name: '1' } });
    server.bookmark();
    await settle();
    const version = (await server.api().list(configMaps)).resourceVersion;
    server.endWatches(new ApiError({ code: 'Unreachable', step: 'watch', message: 'gone' }));
    await settle();
    expect(informer.connected()).toBe(false);
    await make('a', '2');
    await clock.advanceSlowly(2_000);

    expect(known()).toEqual(['a/1', 'a/2']);
    expect(informer.connected()).toBe(true);
    expect(count('limit=500')).toBe(2);
    expect(server.requests.at(-1)).toContain(`resourceVersion=${version}`);
  });

  it('lists again when the history is compacted, and tells what changed meanwhile', async () => {
    await make('a', '1');
    await make('a', '2');
    informer.follow(ALL_NAMESPACES);
    await informer.whenSynced();
    await settle();
    const broken = server.intercept(({ path }) =>
      path.includes('watch=true') ? { status: 503, body: {} } : undefined,
    );
    server.endWatches();
    await server.api().delete(configMaps, { namespace: 'a', name: '1' });
    await make('a', '3');
    server.compact();
    broken();
    await clock.advanceSlowly(20_000);

    expect(known()).toEqual(['a/2', 'a/3']);
    expect(changes.slice(2).sort()).toEqual(['added a/3', 'deleted a/1']);
  });

  it('takes a silent watch for dead, but not one with bookmarks', async () => {
    informer.follow(ALL_NAMESPACES);
    await informer.whenSynced();
    await settle();
    for (let minutes = 0; minutes < 5; minutes++) {
      clock.advance(60_000);
      server.bookmark();
      await settle();
    }
    expect(count('watch=true')).toBe(1);

    await clock.advanceSlowly(WATCH_SILENCE_MS + 2_000, 10_000);

    expect(count('watch=true')).toBe(2);
  });

  it('goes on after answers that are not JSON, and after refusals, however long', async () => {
    const away = server.intercept(({ path }) =>
      path.includes('configmaps?') ? { status: 200, body: '<html>' } : undefined,
    );
    informer.follow(ALL_NAMESPACES);
    await clock.advanceSlowly(60_000, 1_000);
    away();
    const refused = server.intercept(({ path }) =>
      path.includes('configmaps?') ? { status: 403, body: {} } : undefined,
    );
    await clock.advanceSlowly(60_000, 1_000);
    refused();
    await make('a', '1');
    await clock.advanceSlowly(30_000, 1_000);

    expect(known()).toEqual(['a/1']);
  });

  it('leaves out an object that cannot be read, and keeps the others', async () => {
    await make('a', 'bad');
    await make('a', 'good');
    const resource = {
      ...configMaps,
      parse(raw: Parameters<typeof configMaps.parse>[0]) {
        if (raw.metadata.name === 'bad') throw new TypeError('bad');
        return configMaps.parse(raw);
      },
    };
    const picky = new Informer({ api: server.api(), resource, clock, log });
    picky.follow(['a']);
    const end = new AbortController();
    const done = picky.run(end.signal);
    await picky.whenSynced();

    expect(picky.store.list().map(({ metadata }) => metadata.name)).toEqual(['good']);
    end.abort();
    await done;
  });

  it('rejects when a listener throws, so that the process stops with its name', async () => {
    const broken = new Informer({ api: server.api(), resource: configMaps, clock, log });
    broken.onChange(() => {
      throw new TypeError('a bug');
    });
    broken.follow(ALL_NAMESPACES);
    await make('a', '1');

    await expect(broken.run(stop.signal)).rejects.toThrow('a bug');
  });
});
