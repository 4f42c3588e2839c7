import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { useNamespace } from './cluster-fixture.ts';
import { type Fleet, useFleet } from './isolation/fleet.ts';
import { type Probe, probeCommand, probeIn } from './isolation/in-container.ts';
import { METADATA_ADDRESSES, metadataService, neighbour } from './isolation/pods.ts';
import { digestOf, secretsOf } from './isolation/secrets.ts';
import { addressOf, forbidden, type Target } from './isolation/targets.ts';
import { until } from './isolation/until.ts';

const SIDECAR_ADMIN = 9082;
const EXEC_SERVER = 8090;

const outcomes = z.record(z.string(), z.enum(['open', 'closed']));
const answers = z.record(
  z.string(),
  z.object({ status: z.number(), code: z.string().optional(), text: z.string().optional() }),
);
const seen = z.object({
  files: z.number(),
  found: z.array(z.object({ needle: z.string(), where: z.string() })),
  processes: z.array(
    z.object({
      pid: z.number(),
      command: z.string(),
      environment: z.string(),
      root: z.string(),
      memory: z.string(),
      debugger: z.string(),
    }),
  ),
  witness: z.number(),
  mounts: z.array(z.string()),
  environment: z.record(z.string(), z.string()),
  addresses: z.array(z.string()),
  listening: z.array(z.number()),
});

describe('a shell in the workspace container', () => {
  const cloud = useNamespace('cloud', { podSecurity: 'privileged' });
  const fleet = useFleet();

  /** A probe as an agent's command; or, as the strongest stand-in for one, by `kubectl exec`. */
  const asCommand = async (probe: Probe, input: object) => JSON.parse(await fleet.exec(probeCommand(probe, input)));
  const byKubectl = async (probe: Probe, input: object) =>
    probeIn(fleet.team.kubectl, (await fleet.status()).pod.name, probe, input);
  const ways = [
    ['noisefleet exec', asCommand],
    ['kubectl exec', byKubectl],
  ] as const;

  beforeAll(async () => {
    await fleet.team.kubectl.apply(neighbour('neighbour'));
    await fleet.front.kubectl.apply(neighbour('stranger'));
    await cloud.kubectl.apply(metadataService('metadata'));
    await fleet.team.kubectl.wait('pod/neighbour', 'condition=Ready', 60);
    await fleet.front.kubectl.wait('pod/stranger', 'condition=Ready', 60);
    await cloud.kubectl.wait('pod/metadata', 'condition=Ready', 60);
  });

  describe.each(ways)('by %s', (_way, probe) => {
    let look: z.infer<typeof seen>;
    beforeAll(async () => {
      const pod = (await fleet.status()).pod.name;
      const { kubectl } = fleet.team;
      const needles = [...(await secretsOf(kubectl, 'build', pod)), await digestOf(kubectl, pod)];
      look = seen.parse(await probe('probe-secrets', { needles }));
    });

    it('finds no key and no token in any file, process or environment that its user can read', () => {
      const { found, files, environment, processes, witness } = look;
      // What it may have is found where it is; so what was not found was looked for.
      const places = found.filter(({ where }) => !where.startsWith('memory'));
      expect(places).toEqual([{ needle: 'the digest', where: '/var/run/noisefleet/exec-server-token.sha256' }]);
      expect(found.filter(({ needle }) => needle !== 'the digest')).toEqual([]);
      expect(files).toBeGreaterThan(100);
      expect(processes.find(({ pid }) => pid === witness)).toMatchObject({ memory: 'read', environment: 'read' });
      expect(Object.keys(environment).filter((name) => /token|secret|key|noisefleet/i.test(name))).toEqual([]);
    });

    it('sees no process of another container, and cannot look into those of ours in its own', () => {
      const { processes } = look;
      const own = processes.filter(({ command }) => command.startsWith('/noisefleet/loader'));
      expect(own.map(({ command }) => command)).toContainEqual(expect.stringMatching(/ exec-server /));
      for (const each of own)
        expect(each).toMatchObject({ environment: 'refused', root: 'refused', memory: 'refused' });
      for (const { command } of processes) expect(command).not.toMatch(/main\.js executor|pause/);
    });

    it('has only the mounts that are meant for it, and no ServiceAccount token', () => {
      const own = look.mounts.filter((path) => !/^\/(proc|sys|dev)(\/|$)/.test(path)).sort();
      const ofPod = ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf'];
      const places = ['/noisefleet', '/var/run/noisefleet', '/tmp/noisefleet', '/var/spool/noisefleet'];
      expect(own).toEqual(['/', ...ofPod, ...places].sort());
    });

    it('has no IPv6 beside the loopback, where policies of a cluster without IPv6 would not hold it back', () => {
      expect(look.addresses.filter((address) => address.includes(':'))).toEqual(['::1']);
    });

    it('reaches the registry and the relay by name, and nothing else of all that is there', async () => {
      const { front, team } = fleet;
      const allowed = await allowedTargets(fleet);
      const closed = await forbidden(front, team);
      const targets = [...allowed, ...closed];

      const [fromWorkspace, fromClient] = await Promise.all([
        probe('probe-connections', { targets }),
        probeIn(team.kubectl, 'client', 'probe-connections', { targets }),
      ]);

      // All of it answers whom no policy holds back.
      expect(outcomes.parse(fromClient)).toEqual(all(targets, 'open'));
      expect(outcomes.parse(fromWorkspace)).toEqual({ ...all(allowed, 'open'), ...all(closed, 'closed') });
    });

    it('cannot make a program of ours open its debugger by a signal, as Node does by itself', () => {
      const byPid = new Map(look.processes.map((each) => [each.pid, each]));
      expect(byPid.get(look.witness)?.debugger).toBe('by signal');
      const own = look.processes.filter(({ command }) => command.startsWith('/noisefleet/loader'));
      for (const each of own) expect(each.debugger).toBe('never');
    });
  });

  it('finds two listeners on the loopback that it shares with the sidecar, and can authenticate to neither', async () => {
    const { listening } = seen.parse(await asCommand('probe-secrets', { needles: [] }));
    expect([...new Set(listening)].sort()).toEqual([EXEC_SERVER, SIDECAR_ADMIN]);

    const digest = (await fleet.exec(['cat', '/var/run/noisefleet/exec-server-token.sha256'])).trim();
    const execServer = `http://127.0.0.1:${EXEC_SERVER}/`;
    const upgrade = { url: execServer, upgrade: true };
    const said = answers.parse(
      await asCommand('probe-http', {
        calls: [
          { ...upgrade, name: 'nobody' },
          { ...upgrade, name: 'the digest', bearer: digest },
          { ...upgrade, name: 'a guess', bearer: 'x'.repeat(43) },
          { name: 'metrics', url: `http://127.0.0.1:${SIDECAR_ADMIN}/metrics`, whole: true },
          { name: 'anything else', url: `http://127.0.0.1:${SIDECAR_ADMIN}/debug` },
        ],
      }),
    );
    expect(said).toMatchObject({
      nobody: { status: 401 },
      'the digest': { status: 401 },
      'a guess': { status: 401 },
      metrics: { status: 200 },
      'anything else': { status: 404 },
    });
    expect(said.metrics?.text).toContain('noisefleet_build_info');
    expect(said.metrics?.text).not.toMatch(/eyJ[\w-]+\.|ticket=|Bearer/);
  });

  it('can authenticate to none of what it reaches', async () => {
    const { environmentID } = await fleet.status();
    const digest = (await fleet.exec(['cat', '/var/run/noisefleet/exec-server-token.sha256'])).trim();
    const { registryURL } = fleet.address;
    const relayURL = (await relayTarget(fleet)).url;
    const environment = `${registryURL}/cloud/environment/${environmentID}`;
    const kinds = [
      { name: 'nobody' },
      { name: 'the digest', bearer: digest },
      { name: 'a guess', bearer: `eyJhbGciOiJub25lIn0.${'e'.repeat(40)}.` },
    ];
    const calls = kinds.flatMap(({ name, ...bearer }) => [
      { ...bearer, name: `presence as ${name}`, url: `${registryURL}/internal/v1/presence`, upgrade: true },
      { ...bearer, name: `watch as ${name}`, url: `${registryURL}/internal/v1/watch/${environmentID}`, upgrade: true },
      { ...bearer, name: `internal API as ${name}`, url: `${registryURL}/internal/v1/environments` },
      ...['register', 'connect', 'validate'].map((call) => ({
        ...bearer,
        name: `${call} as ${name}`,
        url: `${environment}/${call}`,
        method: 'POST',
        body: {},
      })),
    ]);
    const said = answers.parse(await asCommand('probe-http', { calls }));
    for (const { name } of calls) expect({ name, ...said[name] }).toEqual({ name, status: 401, code: 'token_invalid' });

    const upgrades = ['executor', 'harness'].map((role) => ({
      name: role,
      url: `${relayURL}/v1/${role}?ticket=guess`,
      upgrade: true,
    }));
    const refused = answers.parse(await asCommand('probe-http', { calls: upgrades }));
    expect(refused).toMatchObject({ executor: { status: 403 }, harness: { status: 401 } });
  });

  it('reaches what its spec lists as soon as it is listed, but never a metadata service, and no longer when it is not', async () => {
    const { team, front } = fleet;
    const stranger = await addressOf(front.kubectl, 'app=stranger');
    const listed: Target = { name: 'listed', host: stranger, port: 8080 };
    const other: Target = { name: 'another port', host: stranger, port: 8443 };
    const metadata: Target = { name: 'metadata', host: METADATA_ADDRESSES[0] ?? '', port: 80 };
    const targets = [listed, other, metadata];
    const look = async () => outcomes.parse(await asCommand('probe-connections', { targets }));
    const egress = (rules: object[]) =>
      team.kubectl.run([
        'patch',
        'executor',
        'build',
        '--type=merge',
        '-p',
        JSON.stringify({ spec: { egress: rules } }),
      ]);

    const ports = [
      { protocol: 'TCP', port: 8080 },
      { protocol: 'TCP', port: 80 },
    ];
    await egress([{ name: 'all', to: { type: 'CIDR', cidr: { block: '0.0.0.0/0' } }, ports }]);
    const opened = await until(look, ({ listed: outcome }) => outcome === 'open');
    expect(opened).toEqual({ listed: 'open', 'another port': 'closed', metadata: 'closed' });
    await egress([]);
    await until(look, ({ listed: outcome }) => outcome === 'closed');
  });

  it('is reached by nobody but the kubelet', async () => {
    const { team, front, status } = fleet;
    const host = await addressOf(team.kubectl, 'noisefleet.dev/executor=build');
    const targets = [SIDECAR_ADMIN, EXEC_SERVER].map((port) => ({ name: String(port), host, port }));
    const from = async (namespace: typeof team, pod: string) =>
      outcomes.parse(await probeIn(namespace.kubectl, pod, 'probe-connections', { targets }));
    const closed = { [SIDECAR_ADMIN]: 'closed', [EXEC_SERVER]: 'closed' };
    expect(await from(team, 'neighbour')).toEqual(closed);
    expect(await from(team, 'client')).toEqual(closed);
    expect(await from(front, 'stranger')).toEqual(closed);
    // The port is there: its own pod reaches it, and so does the kubelet, whose probes have made it Ready.
    const own = await probeIn(team.kubectl, (await status()).pod.name, 'probe-connections', { targets });
    expect(outcomes.parse(own)).toEqual({ ...closed, [SIDECAR_ADMIN]: 'open' });
  });
});

async function allowedTargets(fleet: Fleet): Promise<Target[]> {
  const registry = new URL(fleet.address.registryURL);
  const relay = await relayTarget(fleet);
  return [
    { name: 'registry by name', host: registry.hostname, port: Number(registry.port) },
    { name: 'relay by name', host: relay.host, port: relay.port },
  ];
}

async function relayTarget({ front }: Fleet): Promise<{ url: string; host: string; port: number }> {
  const relay = z.looseObject({
    status: z.looseObject({ addresses: z.array(z.looseObject({ relayURL: z.string() })).min(1) }),
  });
  const [address] = relay.parse(await front.kubectl.get('relay', 'main')).status.addresses;
  const { host, hostname, port } = new URL(address?.relayURL ?? '');
  return { url: `https://${host}`, host: hostname, port: Number(port) };
}

function all(targets: readonly Target[], outcome: 'open' | 'closed'): Record<string, string> {
  return Object.fromEntries(targets.map(({ name }) => [name, outcome]));
}
