import { expect, it } from 'vitest';
import { createLogger, systemClock } from '../../../telemetry/index.ts';
import { Applier } from '../../apply/applier.ts';
import { Informer } from '../../cache/informer.ts';
import { configMaps, deployments } from '../../objects/builtin.ts';
import { eventually, type Place, refusal, widget } from './support.ts';
import { widgets } from './widget.ts';

const fieldManager = 'noisefleet-conformance';

export function describeNoOps(place: Place): void {
  it('leaves out a write that would change nothing, for an object in the cache of an informer', async () => {
    const { api, namespace } = place();
    const informer = new Informer({
      api,
      resource: deployments,
      fieldManager,
      clock: systemClock,
      log: createLogger({ component: 'test', level: 'silent' }),
    });
    informer.follow([namespace]);
    const stop = new AbortController();
    const running = informer.run(stop.signal);
    const ref = { namespace, name: 'noop' };
    const canonical = deployment(namespace, { cpu: '1', memory: '64Mi' });

    const applier = new Applier({ api, fieldManager });
    expect((await applier.apply(deployments, canonical, undefined)).written).toBe(true);
    const cached = await eventually(async () => informer.store.get(ref) ?? Promise.reject(new Error('not yet')));
    expect((await new Applier({ api, fieldManager }).apply(deployments, canonical, cached)).written).toBe(false);

    const otherwise = deployment(namespace, { cpu: '1000m', memory: '65536Ki' });
    await applier.apply(deployments, otherwise, cached);
    const written = await api.get(deployments, ref);
    expect((await applier.apply(deployments, otherwise, written)).written).toBe(false);

    const smaller = deployment(namespace, { cpu: '1' });
    expect((await applier.apply(deployments, smaller, written)).written).toBe(true);
    stop.abort();
    await running;
  });

  it('writes status once for what does not change', async () => {
    const { api, namespace } = place();
    const applier = new Applier({ api, fieldManager });
    const made = await api.create(widgets, widget(namespace, 'observed', { size: 1 }));
    const status = { phase: 'Well', conditions: [{ type: 'Ready', status: 'True' }] };

    const first = await applier.applyStatus(widgets, { status }, made);
    const second = await applier.applyStatus(widgets, { status }, first.object);
    const fromCold = await new Applier({ api, fieldManager }).applyStatus(widgets, { status }, first.object);
    const cleared = await applier.applyStatus(widgets, { status: { phase: 'Well' } }, first.object);

    expect([first, second, fromCold, cleared].map(({ written }) => written)).toEqual([true, false, false, true]);
    expect(cleared.object.status).toEqual({ phase: 'Well' });
  });
}

export function describeMending(place: Place): void {
  it('takes back what was changed by hand, and what was removed', async () => {
    const { api, namespace } = place();
    const applier = new Applier({ api, fieldManager });
    const desired = { metadata: { namespace, name: 'by-hand', labels: { ours: 'yes' } }, data: { a: '1' } };
    const { object } = await applier.apply(configMaps, desired, undefined);

    const edited = await api.patch(configMaps, object.metadata, {
      type: 'merge',
      body: { data: { a: '2', theirs: '3' } },
    });
    const mended = await applier.apply(configMaps, desired, edited);
    const unlabelled = await api.patch(configMaps, object.metadata, {
      type: 'merge',
      body: { metadata: { labels: null } },
    });
    const relabelled = await applier.apply(configMaps, desired, unlabelled);

    expect(mended).toMatchObject({ written: true, object: { data: { a: '1', theirs: '3' } } });
    expect(relabelled).toMatchObject({ written: true, object: { metadata: { labels: { ours: 'yes' } } } });
  });

  it('does not take over an object that somebody else made', async () => {
    const { api, namespace } = place();
    await api.create(configMaps, { metadata: { namespace, name: 'foreign' } });
    const applier = new Applier({ api, fieldManager });

    expect(await refusal(applier.apply(configMaps, { metadata: { namespace, name: 'foreign' } }, undefined))).toBe(
      'AlreadyExists',
    );
  });
}

function deployment(namespace: string, limits: Readonly<Record<string, string>>) {
  const labels = { app: 'noop' };
  const env = [
    { name: 'A', value: '1' },
    { name: 'B', value: '2' },
  ];
  const container = {
    name: 'main',
    image: 'registry.invalid/none:1',
    env,
    ports: [{ containerPort: 80 }],
    resources: { limits },
  };
  const template = {
    metadata: { labels },
    spec: { containers: [container], volumes: [{ name: 'tmp', emptyDir: {} }] },
  };
  return {
    metadata: { namespace, name: 'noop', labels },
    spec: { replicas: 0, selector: { matchLabels: labels }, template },
  };
}
