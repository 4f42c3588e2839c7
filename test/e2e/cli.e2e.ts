import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
import { useAgents } from './agents-namespace.ts';
import { cluster } from './cluster-fixture.ts';
import { OUTSIDE_NAMES, Outside } from './outside.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const DEVELOPER = readFileSync(join(ROOT, 'config/samples/quickstart/developer.yaml'), 'utf8');

/** The image of the commands' pod is on the node; what takes time is the machine. Seconds. */
const READY_SECONDS = 180;

const kubeconfig = z.looseObject({ clusters: z.array(z.looseObject({ cluster: z.looseObject({}) })).min(1) });
const executor = z.looseObject({
  status: z.looseObject({
    pod: z.looseObject({ uid: z.string() }),
    keys: z.array(z.looseObject({ id: z.string(), fingerprint: z.string() })).min(1),
  }),
});

describe('the command line of a developer outside of the cluster', () => {
  const { name: namespace, kubectl } = useAgents('cli', { external: OUTSIDE_NAMES });
  let outside: Outside;
  /** Of a user who has the right that the sample gives, and no other. */
  let developer: string;
  let connectionFile: string;

  beforeAll(async () => {
    outside = await Outside.of(kubectl);
    await kubectl.apply(...DEVELOPER.replaceAll('namespace: agents', `namespace: ${namespace}`).split('\n---\n'), {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'jane' },
    });
    const role = 'noisefleet-connect-dev';
    await kubectl.run(['create', 'rolebinding', role, `--role=${role}`, `--serviceaccount=${namespace}:jane`]);
    await kubectl.apply({
      apiVersion: 'noisefleet.dev/v1alpha1',
      kind: 'Executor',
      metadata: { name: 'build' },
      spec: {
        relayRef: { name: 'main' },
        workspace: { type: 'Persistent', persistent: { size: '1Gi', storageClassName: 'local' } },
      },
    });
    await kubectl.wait('executor/build', 'condition=Ready', READY_SECONDS);
    developer = await outside.file('kubeconfig', await kubeconfigOf('jane'));
    const exported = await asAdmin('config', 'export', 'main', '--service-account', `${namespace}/dev`);
    connectionFile = await outside.file('connection.yaml', exported.stdout);
  }, READY_SECONDS * 2_000);
  afterAll(() => outside?.remove());

  async function kubeconfigOf(account: string): Promise<string> {
    const view = await kubectl.run(['config', 'view', '--raw', '--minify', '-o', 'json']);
    const [{ cluster: server } = { cluster: {} }] = kubeconfig.parse(JSON.parse(view)).clusters;
    const token = (await kubectl.run(['create', 'token', account])).trim();
    return stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'work',
      contexts: [{ name: 'work', context: { cluster: 'c', user: account, namespace } }],
      clusters: [{ name: 'c', cluster: server }],
      users: [{ name: account, user: { token } }],
    });
  }

  const asDeveloper = (...args: string[]) => outside.run([...args], { KUBECONFIG: developer });
  const asAdmin = (command: string, ...args: string[]) =>
    outside.run([command, ...args, '-n', namespace], { KUBECONFIG: cluster().kubeconfig });
  /** The flags first: what follows -- is the command's. */
  const exec = (flags: readonly string[], ...command: string[]) =>
    asDeveloper('exec', ...flags, 'build', '--', ...command);

  it('runs a command in the workspace with a connection file and the one right of the sample', async () => {
    const { code, stdout, stderr } = await exec(
      ['-v', '--config', connectionFile],
      'sh',
      '-c',
      'hostname; echo kept > kept',
    );
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/^build-/);
    expect(stderr).toContain(`as ServiceAccount ${namespace}/dev`);
    expect(stderr).toContain(`through ${OUTSIDE_NAMES.relayHostname}`);
  });

  it('names the right that is missing, and connects with pinned keys once it is there', async () => {
    const flags = ['-v', '--service-account', 'dev'];
    const refused = await exec(flags, 'true');
    const binding = ['create', 'rolebinding', 'noisefleet-view', '-n', namespace, '--clusterrole=noisefleet-view'];
    const who = `--serviceaccount=${namespace}:jane`;
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain(`kubectl ${binding.join(' ')} ${who}`);
    expect(refused.stderr).toContain('noisefleet config export');

    await kubectl.run([...binding, who]);
    const { code, stderr } = await exec(flags, 'true');
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('(k1, pinned)') });
  });

  it('says with which commands a right on another ServiceAccount is given', async () => {
    const { code, stderr } = await exec(['--service-account', 'default'], 'true');
    expect(code).toBe(4);
    expect(stderr).toContain(`--verb=create --resource=serviceaccounts/token --resource-name=default`);
  });

  it('shows the status to people and to machines', async () => {
    const text = await asDeveloper('status');
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toMatch(new RegExp(`^RELAY ${namespace}/main +1/1 relays · 1/1 registries`));
    expect(text.stdout).toMatch(/^EXECUTORS +1 Ready$/m);
    const { stdout } = await asDeveloper('status', '-o', 'json');
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, ready: true, executors: [{ name: 'build', key: 'k1' }] });
  });

  it('takes a pod away and gives another one, with the workspace and the key of before', async () => {
    const before = executor.parse(await kubectl.get('executor', 'build')).status;
    expect(await asDeveloper('suspend', 'build')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('--clusterrole=noisefleet-edit'),
    });

    expect(await asAdmin('suspend', 'build', '--wait')).toMatchObject({ code: 0, stderr: '' });
    const { stdout } = await asDeveloper('status', 'build', '-o', 'json');
    expect(JSON.parse(stdout)).toMatchObject({ ready: true, executors: [{ state: 'Suspended' }] });

    expect(await asAdmin('resume', 'build', '--wait')).toMatchObject({ code: 0, stderr: '' });
    const after = executor.parse(await kubectl.get('executor', 'build')).status;
    expect(after.pod.uid).not.toBe(before.pod.uid);
    expect(after.keys).toMatchObject(before.keys.map(({ id, fingerprint }) => ({ id, fingerprint })));
    expect(await exec(['--config', connectionFile], 'cat', 'kept')).toMatchObject({ code: 0, stdout: 'kept\n' });
  });

  it('is found by kubectl, which completes its commands and names too', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'noisefleet-plugin-'));
    const main = join(ROOT, 'src/cli/main.mjs');
    for (const name of ['kubectl-noisefleet', 'kubectl_complete-noisefleet']) await symlink(main, join(folder, name));
    const PATH = [folder, dirname(process.execPath), process.env.PATH].join(delimiter);
    const call = (...args: string[]) =>
      promisify(execFile)(cluster().kubectl, args, { env: { PATH, KUBECONFIG: developer, HOME: folder } });

    expect((await call('noisefleet', 'status', '-o', 'name')).stdout).toContain('executor.noisefleet.dev/build\n');
    expect((await call('__complete', 'noisefleet', 'susp')).stdout).toContain('suspend\n');
    expect((await call('__complete', 'noisefleet', 'status', 'b')).stdout).toContain('build\n');
    await rm(folder, { recursive: true });
  });
});
