import { createHash, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { clientPod, type RelayAddress, relayAddress } from './client-pod.ts';
import { useNamespace } from './cluster-fixture.ts';
import { useProduct } from './product.ts';

/**
 * The shortest that a slow machine keeps: a certificate's successor comes after 60 s, an authority's after 120 s, signs after 150 s and is alone
 * after 180 s.
 */
const SHORT_LIVES = {
  'certificates.lifetime': '90s',
  'certificates.authorityLifetime': '3m',
  'certificates.authorityAnnouncement': '30s',
};
/** Three minutes of renewal, and everything that comes before on a slow machine. */
const RENEWAL_LIMIT_MS = 600_000;
const READY_SECONDS = 180;
const KUBELET_LOOK_MS = 5_000;

const pods = z.object({
  items: z.array(
    z.looseObject({
      metadata: z.looseObject({ uid: z.string(), name: z.string() }),
      status: z.looseObject({
        containerStatuses: z.array(z.looseObject({ name: z.string(), restartCount: z.number() })).default([]),
        initContainerStatuses: z.array(z.looseObject({ name: z.string(), restartCount: z.number() })).default([]),
      }),
    }),
  ),
});
const relay = z.looseObject({
  status: z.looseObject({ certificates: z.array(z.looseObject({ name: z.string(), fingerprint: z.string() })) }),
});

/** Runs in the workspace: a line each 20 ms, until a file says that it is enough, then the hash of all of them. */
const STREAM = `
  const hash = require('node:crypto').createHash('sha256');
  const { existsSync } = require('node:fs');
  let line = 0;
  const timer = setInterval(() => {
    const text = line++ + ' ' + 'x'.repeat(200) + '\\n';
    hash.update(text);
    process.stdout.write(text);
    if (!existsSync('enough')) return;
    clearInterval(timer);
    process.stdout.write('sha256 ' + hash.digest('hex') + '\\n');
  }, 20);
`;

describe('a Relay with two registries', () => {
  const { name, kubectl } = useNamespace('renewal');
  useProduct({ ...SHORT_LIVES, relayNamespaces: `{${name}}` });
  const executor = `${name}/build`;
  let stopLooking = () => {};

  beforeAll(async () => {
    const api = { apiVersion: 'noisefleet.dev/v1alpha1' };
    const subjects = [{ apiGroup: '', kind: 'ServiceAccount', name: 'dev' }];
    await kubectl.apply(
      { ...api, kind: 'Relay', metadata: { name: 'main' }, spec: { registry: { replicas: 2 } } },
      { ...api, kind: 'Executor', metadata: { name: 'build' }, spec: { relayRef: { name: 'main' } } },
      { ...api, kind: 'ExecutorGrant', metadata: { name: 'dev' }, spec: { subjects, executorSelector: {} } },
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'dev' } },
    );
    await kubectl.wait('executor/build', 'condition=Ready', READY_SECONDS);
    await kubectl.wait('relay/main', 'condition=Ready', READY_SECONDS);
    await kubectl.apply(...clientPod({ name: 'ci', serviceAccount: 'dev' }, await relayAddress(kubectl)));
    await kubectl.wait('pod/ci', 'condition=Ready', READY_SECONDS);
    stopLooking = letKubeletLook();
  }, RENEWAL_LIMIT_MS);
  // Before the operator goes: what it made goes with its owners.
  afterAll(async () => {
    stopLooking();
    await kubectl.run(['delete', 'executor,relay', '--all', '--wait=true', '--timeout=60s'], { seconds: 90 });
  }, 120_000);

  /** `noisefleet exec` as the client Pod runs it; `/ca/ca.pem` there is the bundle of the beginning. */
  const execIn = ({ registryURL }: RelayAddress, caFile: string, command: readonly string[]) => {
    const flags = ['--registry', registryURL, '--token-file', '/token/token', '--ca-file', caFile];
    return ['node', '/app/main.js', 'exec', ...flags, executor, '--', ...command];
  };

  /** A new connection of a client that trusts exactly these. @returns what the command printed */
  async function connectTrusting(address: RelayAddress): Promise<string> {
    const command = execIn(address, '/tmp/ca.pem', ['echo', 'there']).join(' ');
    const exec = ['exec', '-i', 'ci', '--', 'sh', '-c', `cat > /tmp/ca.pem && exec ${command}`];
    return kubectl.run(exec, { input: address.caBundle, seconds: 90 });
  }

  /** The kubelet looks at changed ConfigMaps and Secrets once a minute or so, and at once when a Pod's annotations change. */
  function letKubeletLook(): () => void {
    const look = () => kubectl.run(['annotate', 'pods', '--all', '--overwrite', `noisefleet.test/look=${Date.now()}`]);
    const timer = setInterval(() => void look().catch(() => {}), KUBELET_LOOK_MS);
    return () => clearInterval(timer);
  }

  async function lives(): Promise<readonly string[]> {
    const { items } = pods.parse(await kubectl.get('pods'));
    return items
      .flatMap(({ metadata, status }) =>
        [...status.initContainerStatuses, ...status.containerStatuses].map(
          (container) => `${metadata.name} ${metadata.uid} ${container.name} restarts ${container.restartCount}`,
        ),
      )
      .sort();
  }

  it(
    'renews certificates and authority under traffic, without a restart',
    async () => {
      const before = await relayAddress(kubectl);
      const [first = ''] = authoritiesIn(before.caBundle);
      const livesBefore = await lives();
      const seen = new Set<string>();
      const exec = execIn(before, '/ca/ca.pem', ['node', '-e', STREAM]);
      const stream = kubectl.run(['exec', 'ci', '--', ...exec], { seconds: RENEWAL_LIMIT_MS / 1000 });
      let ended = false;
      const end = () => {
        ended = true;
      };
      stream.then(end, end);

      let now = before;
      let connections = 0;
      while (authoritiesIn(now.caBundle).includes(first) && !ended) {
        now = await relayAddress(kubectl);
        expect(await connectTrusting(now)).toBe('there\n');
        connections += 1;
        for (const each of relay.parse(await kubectl.get('relay', 'main')).status.certificates) {
          seen.add(`${each.name} ${each.fingerprint}`);
        }
      }
      await kubectl.run(['exec', 'ci', '--', ...execIn(now, '/tmp/ca.pem', ['touch', 'enough'])], { seconds: 90 });

      expect(checked(await stream)).toBe('complete');
      expect(await lives()).toEqual(livesBefore);
      // Of both parts: the first, its successor of the same authority, and one of the next.
      expect(seen.size).toBeGreaterThanOrEqual(6);
      process.stdout.write(`  ${connections} new connections while ${seen.size} certificates were served\n`);
      await expect(connectTrusting({ ...now, caBundle: before.caBundle })).rejects.toThrow(
        /UNABLE_TO_VERIFY|SELF_SIGNED/,
      );
      expect(await connectTrusting(await relayAddress(kubectl))).toBe('there\n');
    },
    RENEWAL_LIMIT_MS,
  );

  it(
    'answers by either registry when the other is killed',
    async () => {
      const selector = 'app.kubernetes.io/component=registry';
      for (const { metadata } of pods.parse(await kubectl.get('pods', '-l', selector)).items) {
        await kubectl.run(['delete', 'pod', metadata.name, '--grace-period=0', '--force']);
        for (let connections = 0; connections < 3; connections += 1) {
          expect(await connectTrusting(await relayAddress(kubectl))).toBe('there\n');
        }
        await kubectl.wait('relay/main', 'condition=RegistriesReady', READY_SECONDS);
      }
      expect(await connectTrusting(await relayAddress(kubectl))).toBe('there\n');
    },
    RENEWAL_LIMIT_MS,
  );
});

/** Fingerprints. */
function authoritiesIn(bundle: string): readonly string[] {
  const certificates = bundle.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return certificates.map((certificate) => new X509Certificate(certificate).fingerprint256);
}

/** Whether every line came, once and in order, as the sender counted and hashed them. */
function checked(output: string): string {
  const lines = output.split('\n').slice(0, -1);
  const last = lines.pop();
  const wrong = lines.findIndex((line, index) => !line.startsWith(`${index} `));
  if (wrong !== -1) return `line ${wrong} is ${lines[wrong]?.slice(0, 40)}`;
  const hash = createHash('sha256')
    .update(lines.map((line) => `${line}\n`).join(''))
    .digest('hex');
  return last === `sha256 ${hash}` ? 'complete' : `ends in ${last}, and ${lines.length} lines have ${hash}`;
}
