import { beforeAll, describe, expect, it } from 'vitest';
import { useAgents } from './agents-namespace.ts';
import { clientPod, type RelayAddress, relayAddress, shellIn } from './client-pod.ts';
import { IMAGES, loadUserImages, MARKER } from './images/images.ts';

/** Building and loading six images, one of them with Codex, and as many pods on a busy machine. Milliseconds. */
const SET_UP_LIMIT_MS = 300_000;

/** Nothing of an image is written to, as careful teams have it. */
const READ_ONLY = { securityContext: { readOnlyRootFilesystem: true } };

interface Case {
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
  /** Passes its input on, byte for byte. */
  readonly copy: string;
  /** Says on what terminal it runs. */
  readonly terminal: string;
  /** What that prints. */
  readonly says: RegExp;
  /** Writes to its own output by name. */
  readonly byName: string;
  /** Undefined: there is no shell in it. */
  readonly marker?: string;
  readonly uid: number;
}

const SHELL = { copy: 'cat', terminal: "sh -c 'id -u; tty'", byName: "sh -c 'echo opened by name > /dev/stdout'" };
const PROBE = { copy: '/probe copy', terminal: '/probe', byName: '/probe by-name' };

/** The pod's own user unless the template says another. */
const DEFAULT_UID = 10_001;

const cases: readonly Case[] = [
  {
    name: 'glibc',
    spec: {
      template: {
        spec: {
          securityContext: { runAsUser: 4321 },
          containers: [
            { name: 'workspace', image: IMAGES.glibc, ...READ_ONLY },
            { name: 'beside', image: IMAGES.glibc, command: ['sleep', '1000000'], ...restricted() },
          ],
        },
      },
    },
    ...SHELL,
    says: /^4321\s+\/dev\/pts\/\d+\s*$/,
    marker: 'glibc',
    uid: 4321,
  },
  {
    name: 'musl',
    spec: {
      template: template(IMAGES.musl),
      workspace: { type: 'Persistent', persistent: { size: '1Gi', storageClassName: 'local' } },
    },
    ...PROBE,
    says: /^uid 10001, \/dev\/pts\/\d+\s*$/,
    marker: 'musl',
    uid: DEFAULT_UID,
  },
  {
    name: 'busybox',
    spec: { template: template(IMAGES.busybox, {}) },
    ...SHELL,
    says: /^10001\s+\/dev\/pts\/\d+\s*$/,
    marker: 'busybox',
    uid: DEFAULT_UID,
  },
  {
    name: 'tiny',
    spec: { template: template(IMAGES.tiny) },
    ...PROBE,
    says: /^uid 10001, \/dev\/pts\/\d+\s*$/,
    uid: DEFAULT_UID,
  },
  {
    name: 'codex-brought',
    spec: { runtime: { type: 'Codex', codex: { image: IMAGES.codex } }, template: template(IMAGES.glibc) },
    ...SHELL,
    says: /^10001\s+\/dev\/pts\/\d+\s*$/,
    marker: 'glibc',
    uid: DEFAULT_UID,
  },
  {
    name: 'codex-own',
    spec: { runtime: { type: 'Codex' }, template: template(IMAGES.codex, {}) },
    ...SHELL,
    says: /^10001\s+\/dev\/pts\/\d+\s*$/,
    marker: 'codex',
    uid: DEFAULT_UID,
  },
];
const withShell = cases.filter(({ marker }) => marker !== undefined);
const byName = (some: readonly Case[]) => some.map((each) => [each.name, each] as const);

describe('an executor in an image of the user’s', () => {
  const { name: namespace, kubectl } = useAgents('runtimes');
  let address: RelayAddress;

  beforeAll(async () => {
    await loadUserImages();
    await kubectl.apply(...cases.map(({ name, spec }) => executor(name, spec)));
    await kubectl.wait('relay/main', 'condition=Ready', 90);
    address = await relayAddress(kubectl);
    await kubectl.apply(...clientPod({ name: 'client', serviceAccount: 'dev' }, address));
    await Promise.all([
      kubectl.wait('pod/client', 'condition=Ready', 60),
      ...cases.map(({ name }) => kubectl.wait(`executor/${name}`, 'condition=Ready', 120)),
    ]);
  }, SET_UP_LIMIT_MS);

  /** In the client Pod; `$1` of a script would be empty: names are written into it. */
  const inClient = (script: string) => shellIn(kubectl, 'client', address, script);
  const env = (name: string) => `${namespace}/${name}`;

  it.concurrent.each(byName(cases))('passes input, output and files byte for byte: %s', async (name, { copy }) => {
    const sums = await inClient(`
      head -c 3000000 /dev/urandom > /tmp/${name}
      noisefleet exec ${env(name)} -- ${copy} < /tmp/${name} > /tmp/${name}.echo
      noisefleet cp /tmp/${name} ${env(name)}:up
      noisefleet cp ${env(name)}:up /tmp/${name}.back
      sha256sum < /tmp/${name}; sha256sum < /tmp/${name}.echo; sha256sum < /tmp/${name}.back`);
    const [sent, ...received] = sums.trim().split('\n');
    expect(sent).toMatch(/^[0-9a-f]{64}/);
    expect(received).toEqual([sent, sent]);
  });

  it.concurrent.each(byName(cases))('has terminals, and lets output be opened by name: %s', async (name, each) => {
    const terminal = await inClient(`noisefleet exec -t ${env(name)} -- ${each.terminal} < /dev/null`);
    expect(terminal).toMatch(each.says);
    const output = await inClient(`noisefleet exec ${env(name)} -- ${each.byName} < /dev/null`);
    expect(output).toBe('opened by name\n');
  });

  it.concurrent.each(byName(withShell))('runs commands in that image and pod, not as root: %s', async (name, each) => {
    const command = `sh -c 'cat ${MARKER}; hostname; id -u'`;
    const [marker, host, uid] = (await inClient(`noisefleet exec ${env(name)} -- ${command} < /dev/null`)).split('\n');
    expect(marker).toBe(each.marker);
    expect(host).toBe(await podOf(name));
    expect(uid).toBe(String(each.uid));
  });

  it.concurrent.each(byName(withShell))('leaves no zombie of an orphan behind: %s', async (name) => {
    // Each subshell ends at once and leaves its child to the first process; then up to 5 s for that to reap them.
    const orphans = 'for i in 1 2 3 4 5; do (sleep 0.1 &); done';
    const wait = 'n=0; while grep -q ") Z 1 " /proc/[0-9]*/stat && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done';
    const command = `sh -c '${orphans}; sleep 0.3; ${wait}; cat /proc/[0-9]*/stat'`;
    const stats = await inClient(`noisefleet exec ${env(name)} -- ${command} < /dev/null`);
    expect(stats).toMatch(/^1 \(/m);
    expect(stats).not.toContain(') Z 1 ');
  });

  it('keeps a persistent workspace when its pod is replaced', async () => {
    await inClient(`echo kept > /tmp/kept; noisefleet cp /tmp/kept ${env('musl')}:kept`);
    const before = await podOf('musl');
    await kubectl.run(['delete', 'pod', before, '--wait=false']);
    await kubectl.wait(`pod/${before}`, 'delete', 90);
    await kubectl.wait('executor/musl', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}=True', 90);
    expect(await podOf('musl')).not.toBe(before);
    expect(await inClient(`noisefleet exec ${env('musl')} -- cat kept < /dev/null`)).toBe('kept\n');
  });

  async function podOf(name: string): Promise<string> {
    return kubectl.run(['get', 'executor', name, '-o', 'jsonpath={.status.pod.name}']);
  }
});

function executor(name: string, spec: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return {
    apiVersion: 'noisefleet.dev/v1alpha1',
    kind: 'Executor',
    metadata: { name },
    spec: { relayRef: { name: 'main' }, ...spec },
  };
}

function template(image: string, container: object = READ_ONLY): Record<string, unknown> {
  return { spec: { containers: [{ name: 'workspace', image, ...container }] } };
}

/** What Pod Security `restricted` asks of a container that is the user's own business. */
function restricted(): Record<string, unknown> {
  return { securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } };
}
