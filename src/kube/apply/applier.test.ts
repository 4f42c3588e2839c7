import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { configMaps, secrets } from '../objects/builtin.ts';
import { MemoryApiServer } from '../testing/index.ts';
import { Applier } from './applier.ts';

const metadata = { namespace: 'a', name: 'x' };

describe('Applier', () => {
  it('refuses a Secret with stringData', async () => {
    const applier = new Applier({ api: new MemoryApiServer({ clock: new ManualClock() }).api(), fieldManager: 'us' });
    const desired = { metadata, stringData: { a: 'b' } };

    await expect(applier.apply(secrets, desired, undefined)).rejects.toThrow(TypeError);
  });

  it('does not write again because the cache is late', async () => {
    const server = new MemoryApiServer({ clock: new ManualClock() });
    const applier = new Applier({ api: server.api(), fieldManager: 'us' });
    const { object } = await applier.apply(configMaps, { metadata, ...{ data: { a: '1' } } }, undefined);
    await applier.apply(configMaps, { metadata, ...{ data: { a: '2' } } }, object);
    const sent = server.requests.length;

    const again = await applier.apply(configMaps, { metadata, ...{ data: { a: '2' } } }, object);

    expect(again.written).toBe(false);
    expect(server.requests).toHaveLength(sent);
  });
});
