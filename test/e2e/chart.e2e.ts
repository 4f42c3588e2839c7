import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { KINDS } from '../../src/api/index.ts';
import { cluster, useNamespace } from './cluster-fixture.ts';
import { Kubectl } from './kubectl.ts';
import { helm, RELEASE, uninstallProduct } from './product.ts';

const definitions = KINDS.map(({ plural }) => `${plural}.noisefleet.dev`);
const identified = z.looseObject({ metadata: z.looseObject({ uid: z.string() }) });
const labelled = z.looseObject({
  metadata: z.looseObject({ labels: z.record(z.string(), z.string()), annotations: z.record(z.string(), z.string()) }),
});

/** Without a process of ours: what is looked at is what Helm does with the CRDs. */
async function install(): Promise<void> {
  const where = ['--namespace', RELEASE, '--create-namespace', '--wait', '--timeout', '120s'];
  await helm('install', RELEASE, 'charts/noisefleet', ...where, '--set', 'operator.replicas=0');
}

describe('the chart on a real cluster', () => {
  const { kubectl } = useNamespace('chart');
  let release: Kubectl;

  async function uidOf(kind: string, name: string): Promise<string> {
    return identified.parse(await kubectl.get(kind, name)).metadata.uid;
  }

  beforeAll(async () => {
    release = new Kubectl(cluster(), RELEASE);
    await uninstallProduct();
    await install();
    for (const name of definitions) await kubectl.wait(`crd/${name}`, 'condition=Established', 60);
  }, 240_000);
  afterAll(uninstallProduct, 240_000);

  it('leaves CRDs and objects in place when it is uninstalled, and takes them over when it is installed again', async () => {
    await kubectl.apply(
      { apiVersion: 'noisefleet.dev/v1alpha1', kind: 'Relay', metadata: { name: 'main' }, spec: {} },
      {
        apiVersion: 'noisefleet.dev/v1alpha1',
        kind: 'Executor',
        metadata: { name: 'build' },
        spec: { relayRef: { name: 'main' } },
      },
    );
    const kept = [
      ['crd', definitions[0] ?? ''],
      ['relay', 'main'],
      ['executor', 'build'],
    ] as const;
    const before = await Promise.all(kept.map(([kind, name]) => uidOf(kind, name)));

    await helm('uninstall', RELEASE, '--namespace', RELEASE, '--wait');

    expect(await Promise.all(kept.map(([kind, name]) => uidOf(kind, name)))).toEqual(before);
    const rights = ['get', 'clusterrole', `${RELEASE}-operator`, '--ignore-not-found', '-o', 'name'];
    expect(await release.run(rights)).toBe('');

    await install();

    expect(await Promise.all(kept.map(([kind, name]) => uidOf(kind, name)))).toEqual(before);
    expect(await release.run(rights)).not.toBe('');
    for (const name of definitions) {
      const { labels, annotations } = labelled.parse(await kubectl.get('crd', name)).metadata;
      expect(labels['app.kubernetes.io/managed-by']).toBe('Helm');
      expect(annotations).toMatchObject({ 'meta.helm.sh/release-name': RELEASE, 'helm.sh/resource-policy': 'keep' });
    }
    await kubectl.run(['delete', 'executor/build', 'relay/main', '--timeout=60s'], { seconds: 90 });
  });
});
