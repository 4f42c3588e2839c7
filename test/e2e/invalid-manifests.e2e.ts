import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KINDS } from '../../src/api/index.ts';
import { type InvalidManifest, readInvalidManifests } from '../manifests/invalid-manifests.ts';
import { fullStatuses } from '../manifests/statuses.ts';
import { useNamespace } from './cluster-fixture.ts';
import { KubectlError } from './kubectl.ts';

const names = KINDS.map(({ plural }) => `${plural}.noisefleet.dev`);
const definitions = KINDS.map(({ plural }) =>
  readFileSync(new URL(`../../crds/noisefleet.dev_${plural}.yaml`, import.meta.url), 'utf8'),
);

describe('the API server', () => {
  const { kubectl } = useNamespace('manifests');
  let installed = false;

  beforeAll(async () => {
    const there = await kubectl.run(['get', 'crd', ...names, '--ignore-not-found', '-o', 'name']);
    installed = there.trim() === '';
    // Those of a chart are its own: they are tested as they are.
    if (installed) await kubectl.apply(...definitions);
    for (const name of names) await kubectl.wait(`crd/${name}`, 'condition=Established', 30);
  });
  // A chart takes over no CRD that it did not make: what was not there before goes again.
  afterAll(async () => {
    if (installed) await kubectl.run(['delete', 'crd', ...names, '--wait=true'], { seconds: 60 });
  });

  /** What it says to a manifest; `created` when it takes it. Nothing is stored. */
  async function answerTo(document: string, verb: 'create' | 'replace' = 'create'): Promise<string> {
    try {
      return await kubectl.run([verb, '--dry-run=server', '--validate=strict', '-f', '-'], { input: document });
    } catch (error) {
      if (error instanceof KubectlError) return error.stderr;
      throw error;
    }
  }

  const invalid = readInvalidManifests();
  const byFile = (manifests: readonly InvalidManifest[]) => manifests.map((each) => [each.file, each] as const);

  it.each(byFile(invalid.filter(({ documents, refused }) => refused !== undefined && documents.length === 1)))(
    'refuses %s, as it says',
    async (_file, { documents, refused = '' }) => {
      expect(await answerTo(documents[0])).toContain(refused);
    },
  );

  it.each(byFile(invalid.filter(({ documents }) => documents.length > 1)))(
    'refuses %s, as it says, and takes what was before',
    async (_file, { documents: [before, after = ''], refused = '' }) => {
      await kubectl.run(['create', '--validate=strict', '-f', '-'], { input: before });
      try {
        expect(await answerTo(after, 'replace')).toContain(refused);
      } finally {
        await kubectl.run(['delete', '--wait=true', '-f', '-'], { input: before });
      }
    },
  );

  it.each(byFile(invalid.filter(({ stalled }) => stalled !== undefined)))(
    'takes %s, which only the operator can refuse',
    async (_file, { documents }) => {
      expect(await answerTo(documents[0])).toContain('created');
    },
  );

  it.each(['design.yaml', 'everything.yaml'])('takes %s', async (file) => {
    const text = readFileSync(new URL(`../manifests/valid/${file}`, import.meta.url), 'utf8');
    expect((await answerTo(text)).trim().split('\n')).toEqual(
      text.split('\n---\n').map(() => expect.stringMatching(/ created \(server dry run\)$/)),
    );
  });

  it('fills in the defaults', async () => {
    await kubectl.apply(
      manifest('Relay', 'main', {}),
      manifest('Executor', 'build', { relayRef: { name: 'main' } }),
      manifest('ExecutorGrant', 'ci', { subjects: [{ kind: 'ServiceAccount', name: 'runner' }] }),
    );
    expect(await kubectl.get('relay', 'main')).toMatchObject({
      spec: {
        replicas: 1,
        registry: { replicas: 1 },
        allowedNamespaces: { from: 'Same' },
        tls: { type: 'Generated' },
      },
    });
    expect(await kubectl.get('executor', 'build')).toMatchObject({
      spec: {
        operatingMode: 'Running',
        runtime: { type: 'BuiltIn' },
        sandbox: { mode: 'Container' },
        workspace: { type: 'Ephemeral', path: '/tmp/noisefleet' },
        egress: [],
        keys: { rotation: { period: '2160h', overlap: '24h' } },
        updatePolicy: 'WhenIdle',
      },
    });
  });

  it.each([
    ['relay', 'main', fullStatuses.Relay],
    ['executor', 'build', fullStatuses.Executor],
    ['executorgrant', 'ci', fullStatuses.ExecutorGrant],
  ])('takes a status of a %s that says everything, and drops none of it', async (plural, name, status) => {
    const patch = JSON.stringify({ status });
    await kubectl.run(['patch', plural, name, '--subresource=status', '--type=merge', '--patch', patch]);
    expect(await kubectl.get(plural, name)).toMatchObject({ status });
  });

  it('shows READY to AGE, knows short names and the category, and lists executors by their relay', async () => {
    const table = await kubectl.run(['get', 'exr']);
    expect(table.split('\n')[0]?.split(/ +/)).toEqual([
      'NAME',
      'READY',
      'REASON',
      'RELAY',
      'KEY',
      'ROTATES',
      'CLIENTS',
      'AGE',
    ]);
    expect(table.split('\n')[1]).toMatch(/^build +True +Registered +agents\/main +k3 +2026-11-21T08:00:00Z +2 +\d/);
    const all = await kubectl.run(['get', 'noisefleet', '-o', 'name']);
    expect(all.trim().split('\n').sort()).toEqual([
      'executor.noisefleet.dev/build',
      'executorgrant.noisefleet.dev/ci',
      'relay.noisefleet.dev/main',
    ]);
    const byRelay = (name: string) =>
      kubectl.run(['get', 'exr', '--field-selector', `spec.relayRef.name=${name}`, '-o', 'name']);
    expect(await byRelay('main')).toContain('build');
    expect(await byRelay('other')).toBe('');
  });

  it('scales a relay, and takes a workspace that grows', async () => {
    await kubectl.run(['scale', 'relay/main', '--replicas=3']);
    expect(await kubectl.get('relay', 'main')).toMatchObject({ spec: { replicas: 3 } });
    const persistent = (size: string) =>
      manifest('Executor', 'grows', {
        relayRef: { name: 'main' },
        workspace: { type: 'Persistent', persistent: { size } },
      });
    await kubectl.apply(persistent('1Gi'));
    await kubectl.apply(persistent('1025Mi'));
  });

  function manifest(kind: string, name: string, spec: object): Record<string, unknown> {
    return { apiVersion: 'noisefleet.dev/v1alpha1', kind, metadata: { name }, spec };
  }
});
