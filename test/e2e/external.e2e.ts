import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { newestCodex } from '../interop/codex.ts';
import { useAgents } from './agents-namespace.ts';
import { relayAddress } from './client-pod.ts';
import { type OutsideCommand, OutsideHost } from './outside-host.ts';

/** How long anything may take on a machine that is busy, in seconds. */
const PATIENCE = 90;

const REASON = '{.status.conditions[?(@.type=="Ready")].reason}';

const externalStatus = z.looseObject({
  status: z.looseObject({
    external: z.looseObject({
      fingerprint: z.string().optional(),
      registrationTokenSecretName: z.string(),
      registrationTokens: z.array(z.looseObject({ sha256: z.string(), expirationTime: z.string().optional() })),
    }),
  }),
});
const secretContent = z.looseObject({ data: z.looseObject({ token: z.string() }) });
const service = z.looseObject({ spec: z.looseObject({ clusterIP: z.string() }) });
const eventList = z.looseObject({ items: z.array(z.looseObject({ reason: z.string(), note: z.string().optional() })) });

/** With a cluster of one's own, run this where its Service addresses are reached. */
describe('an External executor in a cluster', () => {
  const agents = useAgents('external');
  const { kubectl } = agents;
  const environment = `${agents.name}/laptop`;
  let host: OutsideHost;
  let connection: readonly string[];
  let joined: OutsideCommand;

  beforeAll(async () => {
    await kubectl.apply({
      apiVersion: 'noisefleet.dev/v1alpha1',
      kind: 'Executor',
      metadata: { name: 'laptop' },
      spec: { relayRef: { name: 'main' }, runtime: { type: 'External' } },
    });
    await kubectl.wait('relay/main', 'condition=Ready', PATIENCE);
    await kubectl.wait('executor/laptop', `jsonpath=${REASON}=WaitingForHost`, PATIENCE);
    const { registryURL, caBundle } = await relayAddress(kubectl);
    host = new OutsideHost(await serviceNames(registryURL));
    connection = ['--registry', registryURL, '--ca-file', host.write('ca.pem', caBundle)];
    const user = ['create', 'token', 'dev', '--audience', 'noisefleet-connect', '--duration', '1h'];
    host.write('user-token', await kubectl.run(user));
  }, 400_000);
  afterAll(() => host?.stop());

  /** The addresses of registry and relay, by the names that their certificates have. */
  async function serviceNames(registryURL: string): Promise<Record<string, string>> {
    const registry = new URL(registryURL).hostname.split('.')[0] ?? '';
    const names = [registry, registry.replace('-registry-', '-relay-')];
    const found = (await kubectl.run(['get', 'services', '-o', 'jsonpath={.items[*].metadata.name}'])).split(' ');
    const all = found.filter((name) => names.includes(name) || name.includes('-relay-'));
    const pairs = await Promise.all(
      all.map(async (name) => {
        const { spec } = service.parse(await kubectl.get('service', name));
        return [`${name}.${agents.name}.svc`, spec.clusterIP] as const;
      }),
    );
    return Object.fromEntries(pairs);
  }

  async function status() {
    return externalStatus.parse(await kubectl.get('executor', 'laptop')).status.external;
  }

  /** The token as its Secret has it now, in a file of the host. */
  async function tokenFile(): Promise<string> {
    const { registrationTokenSecretName } = await status();
    const { data } = secretContent.parse(await kubectl.get('secret', registrationTokenSecretName));
    return host.write('registration-token', Buffer.from(data.token, 'base64').toString());
  }

  const join = (file: string) =>
    host.noisefleet(
      ...['join', environment, ...connection, '--token-file', file],
      ...['--', newestCodex.binary, 'exec-server'],
    );

  const exec = (...command: readonly string[]) =>
    host.noisefleet('exec', environment, ...connection, '--token-file', host.path('user-token'), '--', ...command)
      .ended;

  const registered = () => kubectl.wait('executor/laptop', `jsonpath=${REASON}=Registered`, PATIENCE);

  async function joinEvents() {
    const events = eventList.parse(
      await kubectl.get('events.events.k8s.io', '--field-selector', 'regarding.kind=Executor'),
    );
    return events.items.filter(({ reason }) => reason.startsWith('Host'));
  }

  it('refuses a host with another token, and says by what code', async () => {
    const wrong = await join(host.write('wrong-token', 'w'.repeat(43))).ended;
    expect(wrong.stderr).toContain('token_invalid');
    expect(wrong.code).toBe(4);
  });

  it('runs commands on a host that joined with a real Codex, for a ServiceAccount', async () => {
    joined = join(await tokenFile());
    await registered();
    const { fingerprint = 'none' } = await status();
    expect(joined.stderr()).toContain(fingerprint);

    const told = await exec('sh', '-c', 'echo out; echo err >&2; exit 7');
    expect(told).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' });
    const bytes = 300_000;
    expect((await exec('sh', '-c', `head -c ${bytes} /dev/zero | tr '\\0' x`)).stdout).toBe('x'.repeat(bytes));
  });

  it('takes both tokens while the generated one is changed', async () => {
    const { registrationTokenSecretName, registrationTokens } = await status();
    const [before] = registrationTokens;
    await kubectl.run(['delete', 'secret', registrationTokenSecretName]);
    await kubectl.wait('executor/laptop', 'jsonpath={.status.external.registrationTokens[1].sha256}', PATIENCE);
    const [, old] = (await status()).registrationTokens;
    expect(old).toMatchObject({ sha256: before?.sha256, expirationTime: expect.any(String) });
    // The host has the old one, and its executor asks the registry with it about each new client.
    expect(await exec('echo', 'still')).toMatchObject({ code: 0, stdout: 'still\n' });
  });

  it('tells of the new key when a host comes back with the new token', async () => {
    const { fingerprint: before } = await status();
    joined.process.kill('SIGTERM');
    await joined.ended;
    await kubectl.wait('executor/laptop', `jsonpath=${REASON}=WaitingForHost`, PATIENCE);

    joined = join(await tokenFile());
    await registered();

    expect((await status()).fingerprint).not.toBe(before);
    expect(await exec('echo', 'again')).toMatchObject({ code: 0, stdout: 'again\n' });
    const events = await joinEvents();
    expect(events.map(({ reason }) => reason).toSorted()).toEqual(['HostJoined', 'HostKeyChanged']);
    expect(events.find(({ reason }) => reason === 'HostKeyChanged')?.note).toContain(before);
  });
});
