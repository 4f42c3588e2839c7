import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { API_VERSION } from '../../api/index.ts';
import { MemoryApiServer } from '../../kube/testing/index.ts';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { executors, relays } from '../cluster/kinds.ts';
import type { ConnectionWorld } from './find-connection.ts';
import { findConnection } from './find-connection.ts';

const FINGERPRINT = `SHA256:${'A'.repeat(43)}`;
const NEXT = `SHA256:${'B'.repeat(43)}`;

describe('a connection by a ServiceAccount', () => {
  let server: MemoryApiServer;
  let world: ConnectionWorld;
  let variables: NodeJS.ProcessEnv;
  let asked: string[];

  beforeEach(async () => {
    const clock = new ManualClock();
    server = new MemoryApiServer({ clock });
    server.define(executors);
    server.define(relays);
    asked = [];
    variables = { XDG_CONFIG_HOME: temporaryFolder() };
    server.intercept(({ path }) => {
      if (!path.endsWith('/token')) return undefined;
      asked.push(path);
      const expirationTimestamp = new Date(clock.now() + 3_600_000).toISOString();
      return { status: 201, body: { status: { token: 'token-token-token', expirationTimestamp } } };
    });
    const cluster = { api: server.api(), server: 'https://api', namespace: 'team-a', close: async () => {} };
    world = { variables, clock, openCluster: async () => cluster };
    await relay([
      { type: 'Internal', registryURL: 'https://registry.svc:8443', relayURL: 'wss://relay.svc', caBundle: 'PEM' },
      { type: 'External', registryURL: 'https://registry.example.com', relayURL: 'wss://relay.example.com' },
    ]);
    await executor('build', FINGERPRINT);
  });

  async function relay(addresses: object[]) {
    const metadata = { namespace: 'agents', name: 'main' };
    await server.api().create(relays, { metadata, ...{ spec: {} } });
    const patch = { type: 'merge', body: { status: { addresses } } } as const;
    await server.api().patch(relays, metadata, patch, { subresource: 'status' });
  }

  async function executor(name: string, fingerprint: string, spec: object = {}) {
    const metadata = { namespace: 'team-a', name };
    const full = { relayRef: { namespace: 'agents', name: 'main' }, ...spec };
    await server.api().create(executors, { apiVersion: API_VERSION, kind: 'Executor', metadata, ...{ spec: full } });
    await serve(name, 'k3', fingerprint);
  }

  async function serve(name: string, id: string, fingerprint: string) {
    const key = { id, state: 'Active', fingerprint, trigger: 'Initial', creationTime: '2026-01-01T00:00:00Z' };
    const patch = { type: 'merge', body: { status: { keys: [key] } } } as const;
    await server.api().patch(executors, { namespace: 'team-a', name }, patch, { subresource: 'status' });
  }

  function forbid(...parts: readonly string[]) {
    server.intercept(({ path }) => {
      if (!parts.some((part) => path.includes(part))) return undefined;
      const message = 'it is forbidden: User "system:serviceaccount:ci:jane" cannot get resource';
      return { status: 403, body: { kind: 'Status', status: 'Failure', reason: 'Forbidden', message, code: 403 } };
    });
  }

  it('finds the registry by the executor, from outside by its external address', async () => {
    const connection = await findConnection('build', 'harness', { serviceAccount: 'dev' }, world);
    expect(connection).toMatchObject({
      environmentId: 'team-a_build',
      label: 'team-a/build',
      identity: 'ServiceAccount team-a/dev',
      registryUrl: 'https://registry.example.com',
    });
    expect(connection.trust).toBeUndefined();
    expect(await connection.credential()).toBe('token-token-token');
    expect(asked).toEqual(['/api/v1/namespaces/team-a/serviceaccounts/dev/token']);
  });

  it.each([
    ['in a cluster', { KUBERNETES_SERVICE_HOST: '10.0.0.1' }, {}],
    ['when that is asked for', {}, { address: 'Internal' as const }],
  ])('takes the internal address %s', async (_name, more, flags) => {
    Object.assign(variables, more);
    const connection = await findConnection('build', 'harness', { serviceAccount: 'dev', ...flags }, world);
    expect(connection).toMatchObject({ registryUrl: 'https://registry.svc:8443', trust: { current: 'PEM' } });
  });

  it('pins the keys that the executor lists, and looks again before it refuses another', async () => {
    const { remoteKeys, keyId } = await findConnection('build', 'harness', { serviceAccount: 'dev' }, world);
    if (typeof remoteKeys !== 'function') throw new Error('no keys are pinned');
    const accepted = (fingerprint: string) => remoteKeys(fingerprint as never);
    expect([await accepted(FINGERPRINT), await accepted(NEXT)]).toEqual([true, false]);
    await serve('build', 'k4', NEXT);
    expect(await accepted(NEXT)).toBe(true);
    expect(keyId?.(NEXT)).toBe('k4');
  });

  it('pins no key of an External executor, which only the registry knows of', async () => {
    await executor('laptop', FINGERPRINT, { runtime: { type: 'External' } });
    const { remoteKeys } = await findConnection('laptop', 'harness', { serviceAccount: 'dev' }, world);
    expect(remoteKeys).toEqual([]);
  });

  it.each([
    ['build', {}, 'team-a/dev'],
    ['team-b/build', {}, 'team-b/dev'],
    ['team-b/build', { namespace: 'team-c' }, 'team-c/dev'],
  ])('%s with %j asks for a token of %s', async (text, flags, account) => {
    const registry = 'https://registry';
    const all = { serviceAccount: 'dev', registry, ...flags };
    expect((await findConnection(text, 'harness', all, world)).identity).toBe(`ServiceAccount ${account}`);
  });

  it('needs no right to read once a connection file says where the registry is', async () => {
    forbid('/executors', '/relays');
    const file = join(temporaryFolder(), 'config.yaml');
    const line = '{environments: [team-a/*], registry: https://written, caBundle: PEM, serviceAccount: team-a/dev}';
    writeFileSync(file, `version: 1\nconnections: [${line}]`);
    const connection = await findConnection('build', 'harness', { config: file }, world);
    expect(connection).toMatchObject({ registryUrl: 'https://written', trust: { current: 'PEM' }, remoteKeys: [] });
    expect(connection.identity).toBe('ServiceAccount team-a/dev');
  });

  it.each([
    ['executor', '/executors', 'noisefleet-view -n team-a'],
    ['relay', '/relays', 'noisefleet-view -n agents'],
  ])('that may not read the %s is told which right or which file mends it', async (_name, part, binding) => {
    forbid(part);
    const call = findConnection('build', 'harness', { serviceAccount: 'dev' }, world);
    await expect(call).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringContaining(
        `kubectl create rolebinding ${binding} --clusterrole=noisefleet-view --serviceaccount=ci:jane`,
      ),
    });
    await expect(call).rejects.toThrow('noisefleet config export');
  });

  it('names the nearest executor when there is none of that name', async () => {
    const call = findConnection('biuld', 'harness', { serviceAccount: 'dev' }, world);
    await expect(call).rejects.toThrow('there is no Executor team-a/biuld (not_found)\n  Did you mean build?');
  });

  it('is not ready while the relay has no address', async () => {
    await server.api().delete(relays, { namespace: 'agents', name: 'main' });
    await relay([]);
    const call = findConnection('build', 'harness', { serviceAccount: 'dev' }, world);
    await expect(call).rejects.toMatchObject({ exitCode: 3 });
  });
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'noisefleet-connection-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}
