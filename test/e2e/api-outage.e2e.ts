import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { useAgents } from './agents-namespace.ts';
import { clientPod, noisefleetIn, type RelayAddress, relayAddress } from './client-pod.ts';
import { cluster, clusterCommand } from './cluster-fixture.ts';
import { Kubectl } from './kubectl.ts';
import { RELEASE } from './product.ts';

/** How long the API server is away (issue 4, 9). Milliseconds. */
const OUTAGE_MS = 60_000;
/** A line a second; one that comes so much later than the one before has been held up. Milliseconds. */
const LONGEST_SILENCE_MS = 10_000;
/** A new connection is tried every few seconds; so many at least must fall into a minute, also on a slow machine. */
const LEAST_VISITS = 3;

const pods = z.looseObject({
  items: z.array(
    z.looseObject({
      metadata: z.looseObject({ name: z.string(), uid: z.string() }),
      status: z.looseObject({
        containerStatuses: z.array(z.looseObject({ name: z.string(), restartCount: z.number() })),
        initContainerStatuses: z.array(z.looseObject({ name: z.string(), restartCount: z.number() })).default([]),
      }),
    }),
  ),
});

interface Line {
  /** When the container wrote it, in milliseconds since the epoch. */
  readonly at: number;
  readonly text: string;
}

interface Outage {
  readonly from: number;
  readonly to: number;
}

describe('while the API server is away for a minute, and when it comes back without its history', () => {
  const { name: namespace, kubectl } = useAgents('outage');
  const operator = new Kubectl(cluster(), RELEASE);
  let address: RelayAddress;
  let before: string[];
  let outage: Outage;

  beforeAll(async () => {
    await kubectl.apply(executor('build'));
    await kubectl.wait('executor/build', 'condition=Ready', 120);
    await kubectl.wait('relay/main', 'condition=Ready', 60);
    address = await relayAddress(kubectl);
    await kubectl.apply(...running('listener', TICKS), ...running('visitor', VISITS), ...clientPod(IDLE, address));
    await kubectl.wait('pod/idle', 'condition=Ready', 60);
    await untilSaid('listener', 'tick 3');
    await untilSaid('visitor', 'visit 2 ended with 0');

    before = await lives();
    const from = Date.now();
    await clusterCommand('daemon', 'kill', 'kube-apiserver');
    await pause(OUTAGE_MS);
    await clusterCommand('compact');
    outage = { from, to: Date.now() };
    await clusterCommand('daemon', 'start', 'kube-apiserver');
  }, 360_000);

  it('a running stream loses nothing and waits for nothing', async () => {
    const after = outage.to - outage.from + LONGEST_SILENCE_MS;
    await untilSaid('listener', `tick ${Math.ceil(after / 1000)}`);

    const ticks = (await lines('listener')).filter(({ text }) => text.startsWith('tick '));
    expect(ticks.map(({ text }) => text)).toEqual(ticks.map((_, index) => `tick ${index}`));
    const silences = ticks.slice(1).map(({ at }, index) => at - (ticks[index]?.at ?? at));
    expect(Math.max(...silences)).toBeLessThan(LONGEST_SILENCE_MS);
  });

  it('a new connection is let in by a token that can be verified without it', async () => {
    const visits = await lines('visitor');
    const begun = visits.filter(({ text, at }) => text.endsWith('begins') && at > outage.from && at < outage.to);
    const ended = new Set(visits.filter(({ at }) => at < outage.to).map(({ text }) => text));
    const done = begun.filter(({ text }) => ended.has(text.replace('begins', 'ended with 0')));
    process.stdout.write(
      `  ${done.length} of ${begun.length} connections begun while the API server was away were served in that time\n`,
    );
    expect(done.length).toBeGreaterThanOrEqual(LEAST_VISITS);
    expect(visits.filter(({ text }) => /ended with [^0]/.test(text))).toEqual([]);
  });

  it('operator and registry read everything again', async () => {
    const operators = ['logs', 'deployment/noisefleet-operator', '--all-pods'];
    await vi.waitFor(async () => expect(await operator.run(operators)).toContain(RELISTED), POLL);
    const registries = ['logs', '--selector=app.kubernetes.io/component=registry', '--tail=-1'];
    await vi.waitFor(async () => expect(await kubectl.run(registries)).toContain(RELISTED), POLL);
  });

  it('nothing was started anew', async () => {
    expect(await lives()).toEqual(before);
  });

  it('what is changed afterwards is acted on', async () => {
    await kubectl.apply(executor('later'));
    await kubectl.wait('executor/later', 'condition=Ready', 120);
    expect(await noisefleetIn(kubectl, 'idle', address, ['exec', `${namespace}/later`, '--', 'echo', 'here'])).toBe(
      'here\n',
    );
    await kubectl.run(['delete', 'executorgrant', 'dev']);
    const refused = noisefleetIn(kubectl, 'idle', address, ['exec', `${namespace}/later`, '--', 'true']);
    await expect(refused).rejects.toThrow(/not_authorized/);
  });

  /** A client that does this from now on. Its container's log is what it says. */
  function running(name: string, script: (noisefleet: string) => string) {
    const [ca, files, pod] = clientPod({ name, serviceAccount: 'dev' }, address);
    const connection = `--registry ${address.registryURL} --token-file /token/token --ca-file /ca/ca.pem`;
    const command = ['sh', '-c', script(`node /app/main.js exec ${connection} ${namespace}/build --`)];
    const containers = pod.spec.containers.map((container) => ({ ...container, command }));
    return [ca, files, { ...pod, spec: { ...pod.spec, containers } }] as const;
  }

  async function lines(pod: string): Promise<Line[]> {
    const log = await kubectl.run(['logs', pod, '--timestamps']);
    return log
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => ({ at: Date.parse(line.slice(0, line.indexOf(' '))), text: line.slice(line.indexOf(' ') + 1) }));
  }

  async function untilSaid(pod: string, text: string): Promise<void> {
    await vi.waitFor(async () => expect((await lines(pod)).map((line) => line.text)).toContain(text), POLL);
  }

  /** Every container's life so far: the pod by uid, and how often it was restarted. */
  async function lives(): Promise<string[]> {
    const found = await Promise.all([kubectl, operator].map(async (each) => pods.parse(await each.get('pods')).items));
    return found
      .flat()
      .flatMap(({ metadata, status }) =>
        [...status.containerStatuses, ...status.initContainerStatuses].map(({ name, restartCount }) => {
          return `${name} of /${metadata.name} (${metadata.uid}) restarted ${restartCount} times`;
        }),
      )
      .sort();
  }
});

const POLL = { timeout: 120_000, interval: 1_000 };
/** What the reflector says when the server no longer knows the version that it had come to. */
const RELISTED = 'read everything again';
const IDLE = { name: 'idle', serviceAccount: 'dev' };

/** One command that says something every second. */
const TICKS = (noisefleet: string) =>
  `exec ${noisefleet} sh -c 'i=0; while :; do echo tick $i; i=$((i+1)); sleep 1; done'`;

/** One connection after the other. */
const VISITS = (noisefleet: string) =>
  `i=0; while :; do echo visit $i begins; ${noisefleet} true; echo visit $i ended with $?; i=$((i+1)); sleep 2; done`;

function executor(name: string) {
  return {
    apiVersion: 'noisefleet.dev/v1alpha1',
    kind: 'Executor',
    metadata: { name },
    spec: { relayRef: { name: 'main' } },
  };
}
