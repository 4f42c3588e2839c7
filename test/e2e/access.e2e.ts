import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Cluster, connectToCluster, defineResource } from '../../src/kube/index.ts';
import { systemClock } from '../../src/telemetry/index.ts';
import { Desk, type Identity, podKubeconfig, tokenFile } from './access/desk.ts';
import { metricsOf, reviewsOfApiServer, sumOf } from './access/metrics.ts';
import { FORGERIES, forgedTokens } from './access/tokens.ts';
import { processesOf, type Work } from './access/work.ts';
import { relayAddress } from './client-pod.ts';
import { cluster, useNamespace } from './cluster-fixture.ts';
import { Kubectl } from './kubectl.ts';
import { useProduct } from './product.ts';

/** The namespace of the quickstart's own manifests. */
const AGENTS = 'agents';
const SAMPLES = join(dirname(dirname(import.meta.dirname)), 'config/samples/quickstart');
const ENVIRONMENT = 'agents/build';
const REGISTRY = 'app.kubernetes.io/component=registry,noisefleet.dev/relay=main';

/** The bound of the protocol (our-side §8): streams and their processes end within this when access does. Seconds. */
const ACCESS_ENDS_WITHIN = 10;
/** As many tokens as nobody should need to show that guessing costs the API server nothing. */
const RANDOM_TOKENS = 5_000;
/** Long enough to be seen in force on a slow machine, short enough to wait for. */
const BRIEF_MS = 5_000;

const OURS = { group: 'noisefleet.dev', version: 'v1alpha1' };
const grants = defineResource({ ...OURS, kind: 'ExecutorGrant', plural: 'executorgrants' });
const executors = defineResource({ ...OURS, kind: 'Executor', plural: 'executors' });

const of = (name: string, namespace = AGENTS): Identity => ({ namespace, name });

describe('access to an executor', () => {
  useProduct();
  const teamB = useNamespace('team-b');
  let agents: Kubectl;
  let desk: Desk;
  let api: Cluster['api'];
  let close: Cluster['close'];

  beforeAll(async () => {
    agents = new Kubectl(cluster(), AGENTS);
    ({ api, close } = await connectToCluster({ kubeconfig: cluster().kubeconfig, clock: systemClock }));
    await agents.run(['apply', '-f', SAMPLES]);
    for (const name of ['nobody', 'late', 'canary', 'other', 'auditor'])
      await agents.run(['create', 'serviceaccount', name]);
    await agents.run(['create', 'rolebinding', 'auditor', '--clusterrole=view', `--serviceaccount=${AGENTS}:auditor`]);
    await agents.wait('executor/build', 'condition=Ready', 90);
    await agents.wait('relay/main', 'condition=Ready', 30);
    desk = new Desk(agents, AGENTS, await relayAddress(agents));
    await desk.open();
    await desk.put('/tmp/kubeconfig', await auditorKubeconfig(agents));
  }, 240_000);
  afterAll(async () => {
    await close();
    await agents.run(['delete', '-f', SAMPLES, '--ignore-not-found', '--timeout=60s'], { seconds: 90 });
  });

  const doctorOf = (identity: Identity) => desk.doctor(identity, ENVIRONMENT, [], '/tmp/kubeconfig');

  describe('that nobody gave', () => {
    it('is refused without a grant, and doctor says that none names the caller', async () => {
      await desk.signIn(of('nobody'));

      expect(await desk.refusal(of('nobody'), ENVIRONMENT)).toMatch(/not_authorized[\s\S]*exit 4/);

      const informed = await doctorOf(of('nobody'));
      expect(informed.codes).toEqual(
        expect.arrayContaining(['identity:token_fits', 'grants:no_grant', 'connect:not_authorized']),
      );
      expect(informed.words).toContain('grants that reach it: dev (ServiceAccount agents/dev)');
      const stranger = await desk.doctor(of('nobody'), ENVIRONMENT);
      expect(stranger.codes).toEqual(expect.arrayContaining(['grants:no_cluster', 'connect:not_authorized']));
      expect(stranger.words).not.toContain('agents/dev');
      expect([informed.exitCode, stranger.exitCode]).toEqual([4, 4]);
    });

    it('is refused to another team’s ServiceAccount of the same name', async () => {
      await teamB.kubectl.run(['create', 'serviceaccount', 'dev']);
      await desk.signIn(of('dev', teamB.name));

      expect(await desk.refusal(of('dev', teamB.name), ENVIRONMENT)).toMatch(/not_authorized[\s\S]*exit 4/);

      const { codes, words } = await doctorOf(of('dev', teamB.name));
      expect(codes).toEqual(expect.arrayContaining(['grants:no_grant', 'connect:not_authorized']));
      expect(words).toContain(`ServiceAccount ${teamB.name}/dev`);
    });

    it('is refused once the grant has expired, and doctor says since when', async () => {
      await desk.signIn(of('late'));
      await agents.apply(grant('late', { expirationTime: new Date(Date.now() + BRIEF_MS).toISOString() }));
      await agents.wait('executorgrant/late', 'condition=Stalled', 60);

      expect(await desk.refusal(of('late'), ENVIRONMENT)).toMatch(/not_authorized[\s\S]*exit 4/);

      const { codes, words } = await doctorOf(of('late'));
      expect(codes).toEqual(expect.arrayContaining(['grants:grant_expired', 'connect:not_authorized']));
      expect(words).toMatch(/grant agents\/late names ServiceAccount agents\/late, and ended \d+ \w+ ago/);
    });

    it('is refused to a token of another audience, which doctor shows to nobody', async () => {
      await desk.signIn(of('dev'), 'vault');

      expect(await desk.refusal(of('dev'), ENVIRONMENT)).toMatch(/token_invalid[\s\S]*exit 4/);

      const { codes, words, exitCode } = await doctorOf(of('dev'));
      expect(codes).toEqual(expect.arrayContaining(['identity:other_audience', 'connect:not_tried']));
      expect(words).toContain('kubectl create token dev -n agents --audience noisefleet-connect');
      expect(exitCode).toBe(4);
    });

    it('is refused to a token with a wrong signature, and doctor knows who has it signed', async () => {
      const [forged = ''] = forgedTokens(await desk.signIn(of('dev')), FORGERIES.length).slice(6);
      await desk.put(tokenFile(of('dev')), forged);

      expect(await desk.refusal(of('dev'), ENVIRONMENT)).toMatch(/token_invalid[\s\S]*exit 4/);

      const { codes } = await doctorOf(of('dev'));
      expect(codes).toEqual(expect.arrayContaining(['identity:token_fits', 'connect:token_invalid']));
    });

    it(`is refused to ${RANDOM_TOKENS} random tokens, for which the API server is asked nothing`, async () => {
      await desk.signIn(of('dev'));
      for (const file of ['flood.ts', 'tokens.ts']) {
        await desk.put(`/tmp/${file}`, readFileSync(join(import.meta.dirname, 'access', file), 'utf8'));
      }
      const { registryURL } = await relayAddress(agents);
      const before = await reviews(agents);
      const started = performance.now();

      const url = `${registryURL}/cloud/environment/agents_build/connect`;
      const answers = await desk.run(`node /tmp/flood.ts ${url} ${tokenFile(of('dev'))} ${RANDOM_TOKENS}`, 600);

      print(`${RANDOM_TOKENS} random tokens refused`, (performance.now() - started) / 1000);
      expect(JSON.parse(answers)).toEqual({ '401 token_invalid': RANDOM_TOKENS });
      const after = await reviews(agents);
      expect(after.refusedHere - before.refusedHere).toBe(RANDOM_TOKENS);
      expect(after.ofClients - before.ofClients).toBe(0);
      // Sidecar and relay may have renewed their own tokens meanwhile: each of their reviews is known here by name.
      expect(after.atApiServer - before.atApiServer).toBe(after.ofOthers - before.ofOthers);
    });

    it('is what a grant gives: doctor opens the channel and tells of its security', async () => {
      await desk.signIn(of('dev'));

      const { codes, exitCode } = await doctorOf(of('dev'));
      expect(codes).toEqual([
        'registry:registry_answers',
        'tls:certificate_trusted',
        'clock:clock_agrees',
        'identity:token_fits',
        'executor:executor_ready',
        'grants:grant_in_force',
        'connect:connect_allowed',
        'channel:channel_active',
        'round_trip:round_trip_done',
      ]);
      expect(exitCode).toBe(0);
      const security = await desk.doctor(of('dev'), ENVIRONMENT, ['--check', 'remote-security'], '/tmp/kubeconfig');
      expect(security.codes).toEqual([
        'channel:channel_active',
        'handshake:handshake_hybrid',
        'forward_secrecy:forward_secret',
        'static_key:key_current',
        'clients:clients_listed',
      ]);
      expect(security.words).toMatch(/static key k1, .* old/);
    });
  });

  describe('that ends', () => {
    beforeAll(async () => {
      for (const name of ['dev', 'canary', 'other', 'late']) await desk.signIn(of(name));
      await agents.apply(grant('canary'), grant('other'), grant('spare', { subjects: [subject('dev')] }));
      await agents.run(['delete', 'executorgrant', 'late']);
    });

    it('with its grant ends the stream and its processes, and nobody else’s', async () => {
      const [dev, canary, other] = await Promise.all([work('dev'), work('canary'), work('other')]);

      // Another grant still allows dev: only canary, whose only grant goes with it, shows that the deletion was heard.
      await endsWithin('one of two grants deleted, and the only one of another', canary, () =>
        Promise.all([deleteGrant('dev'), deleteGrant('canary')]),
      );
      await Promise.all([goesOn(dev), goesOn(other)]);

      await endsWithin('the last grant deleted', dev, () => deleteGrant('spare'));
      await goesOn(other);
      expect(await desk.refusal(of('dev'), ENVIRONMENT)).toMatch(/not_authorized/);
      await other.stream.stop();
    });

    it('by its time, with the stream that runs', async () => {
      await agents.apply(grant('late'));
      const late = await work('late');
      const expirationTime = new Date(Date.now() + BRIEF_MS).toISOString();
      await changeGrant('late', { expirationTime });

      await endsWithin('the grant expired', late, async () => {
        // Counted from its time, by the clock that registry and API server of this machine have too.
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, Date.parse(expirationTime) - Date.now())));
      });
    });

    it.each([
      [
        'a selector that was changed',
        () => changeGrant('other', { executorSelector: { matchLabels: { tier: 'gpu' } } }),
      ],
      ['a subject that was taken out', () => changeGrant('other', { subjects: [subject('nobody')] })],
      ['an executor that was relabelled', () => merge(executors, 'build', { metadata: { labels: { tier: 'gpu' } } })],
    ])('by %s, and begins again with it', async (what, change) => {
      const other = await work('other');

      await endsWithin(what, other, change);

      await changeGrant('other', grant('other').spec);
      await merge(executors, 'build', { metadata: { labels: { tier: 'dev' } } });
      await desk.allowed(of('other'), ENVIRONMENT);
    });
  });

  // By the API itself and not by kubectl: time is counted from the answer, and kubectl needs a second to start.
  const deleteGrant = (name: string) => api.delete(grants, { namespace: AGENTS, name });
  const merge = (resource: typeof grants, name: string, body: object) =>
    api.patch(resource, { namespace: AGENTS, name }, { type: 'merge', body });
  const changeGrant = (name: string, spec: object) => merge(grants, name, { spec });

  /** A command with a child of its own that prints a line a second, on behalf of somebody. */
  async function work(name: string): Promise<Work> {
    const script = 'sleep 3600 & echo "pids $$ $!"; while :; do echo tick; sleep 1; done';
    const stream = desk.start(of(name), ENVIRONMENT, ['sh', '-c', script]);
    const [, shell = '', child = ''] = await stream.line(/^pids (\d+) (\d+)$/);
    return { stream, processes: await processesOf(agents, 'build', [shell, child]) };
  }

  async function goesOn({ stream, processes }: Work): Promise<void> {
    await stream.moreLines(3);
    expect(processes.running).toBe(true);
  }

  /** Both the stream and the processes are gone so soon after the API server took on the cause. */
  async function endsWithin(what: string, { stream, processes }: Work, cause: () => Promise<unknown>): Promise<void> {
    await cause();
    const started = performance.now();
    const seconds = () => (performance.now() - started) / 1000;
    const [[exitCode, streamSeconds], processSeconds] = await Promise.all([
      stream.ended().then((code) => [code, seconds()] as const),
      processes.ended().then(seconds),
    ]);
    print(`${what}: processes gone; the stream ended after ${streamSeconds.toFixed(1)} s`, processSeconds);
    expect(stream.output).toMatch(/not_authorized/);
    expect(exitCode).toBe(4);
    expect(Math.max(processSeconds, streamSeconds)).toBeLessThan(ACCESS_ENDS_WITHIN);
  }
});

function print(what: string, seconds: number): void {
  process.stdout.write(`  ${seconds.toFixed(1).padStart(5)} s  ${what}\n`);
}

function subject(name: string) {
  return { kind: 'ServiceAccount', name };
}

/** A grant for the ServiceAccount of its name, to what the quickstart's executor is labelled. */
function grant(name: string, spec: object = {}) {
  return {
    apiVersion: 'noisefleet.dev/v1alpha1',
    kind: 'ExecutorGrant',
    metadata: { name, namespace: AGENTS },
    spec: { subjects: [subject(name)], executorSelector: { matchLabels: { tier: 'dev' } }, ...spec },
  };
}

async function auditorKubeconfig(agents: Kubectl): Promise<string> {
  const rootCa = z.object({ data: z.object({ 'ca.crt': z.string() }) });
  const { data } = rootCa.parse(await agents.get('configmap', 'kube-root-ca.crt'));
  return podKubeconfig((await agents.run(['create', 'token', 'auditor', '--duration', '1h'])).trim(), data['ca.crt']);
}

/** What the registry and the API server have counted. */
async function reviews(agents: Kubectl) {
  const registry = await metricsOf(agents, AGENTS, REGISTRY);
  const asked = (labels = {}) => sumOf(registry, 'noisefleet_token_reviews_total', labels);
  const ofClients = asked({ audience: 'noisefleet-connect' });
  const proofs = 'noisefleet_registry_token_proofs_total';
  return {
    refusedHere: sumOf(registry, proofs, { audience: 'noisefleet-connect', result: 'unknown' }),
    ofClients,
    ofOthers: asked() - ofClients,
    atApiServer: await reviewsOfApiServer(agents),
  };
}
