import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { API_VERSION, AUDIENCES, GROUP, VERSION } from '../../api/index.ts';
import { defineResource, type ObjectApi } from '../../kube/index.ts';
import { MemoryApiServer } from '../../kube/testing/index.ts';
import { createLogger, createMetrics, systemClock } from '../../telemetry/index.ts';
import { ENVIRONMENTS_PATH, environmentIdOf, type RegistryToOperator, registryToOperator } from '../../wire/index.ts';
import { RegistryFixture, somePublicKey } from '../testing/fixture.ts';
import { openCluster, type RegistryCluster } from './cluster.ts';
import { POD, RELAY } from './testing/facts.ts';
import { TokenIssuer } from './testing/issuer.ts';

const ENV = environmentIdOf('team-a', 'build');
const OPERATOR = { namespace: 'noisefleet', name: 'noisefleet-operator' };
const kinds = { Executor: 'executors', ExecutorGrant: 'executorgrants', Relay: 'relays' };
const resourceOf = (kind: keyof typeof kinds) =>
  defineResource({ group: GROUP, version: VERSION, kind, plural: kinds[kind] });

describe('a registry in a cluster', () => {
  const telemetry = {
    clock: systemClock,
    logger: createLogger({ component: 'registry', level: 'silent' }),
  };
  let issuer: TokenIssuer;
  let server: MemoryApiServer;
  let api: ObjectApi;
  let cluster: RegistryCluster;
  let fixture: RegistryFixture;

  beforeEach(async () => {
    issuer = await TokenIssuer.create();
    server = new MemoryApiServer({ clock: systemClock });
    api = server.api();
    for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) server.define(resourceOf(kind));
    await answerForIssuer();
    await put('Relay', 'agents', 'main', { allowedNamespaces: { from: 'All' } });
    await put('Executor', 'team-a', 'build', { relayRef: RELAY });
    await status('team-a', 'build', { environmentID: ENV, pod: { name: POD.name, uid: POD.uid, attempt: 1 } });
    await put('ExecutorGrant', 'team-a', 'ci', {
      subjects: [{ kind: 'ServiceAccount', name: 'runner' }],
      executorSelector: {},
    });
    const metrics = createMetrics({ component: 'registry', version: 'test' });
    cluster = await openCluster({ api, relay: RELAY, operatorServiceAccount: OPERATOR, metrics, ...telemetry });
    fixture = await RegistryFixture.start({
      directory: { source: cluster.directory },
      presence: { proofs: cluster.proofs },
      expectedRelays: () => 0,
      clock: systemClock,
    });
    await fixture.until(() => cluster.directory.synced());
  });
  afterEach(async () => {
    await fixture.close();
    await cluster.close();
  });

  /** The memory server knows no tokens: what it is asked to review is answered by the issuer. */
  async function answerForIssuer(): Promise<void> {
    server.publishIssuer(await issuer.issuer());
    server.intercept(({ path, body }) => {
      if (!path.endsWith('/tokenreviews')) return undefined;
      const { spec } = JSON.parse(String(body));
      const found = issuer.review(spec.token, spec.audiences[0]);
      const user = found && { username: found.username, uid: found.uid };
      return { status: 201, body: { status: found ? { authenticated: true, user, audiences: found.audiences } : {} } };
    });
  }

  async function put(kind: keyof typeof kinds, namespace: string, name: string, spec: object): Promise<void> {
    await api.create(resourceOf(kind), {
      apiVersion: API_VERSION,
      kind,
      metadata: { namespace, name },
      spec,
    } as object);
  }

  async function status(namespace: string, name: string, body: object): Promise<void> {
    const patch = { type: 'merge', body: { status: body } } as const;
    await api.patch(resourceOf('Executor'), { namespace, name }, patch, { subresource: 'status' });
  }

  const now = () => Date.now() / 1000;

  it('lets in by a grant, refuses other ServiceAccounts and other audiences, and follows what changes', async () => {
    const runner = await issuer.token({ now: now() });
    const other = await issuer.token({ now: now(), name: 'other' });
    const wrongAudience = await issuer.token({ now: now(), audiences: [AUDIENCES.registry], pod: POD });
    expect((await fixture.connect(ENV, other)).body.error.code).toBe('not_authorized');
    expect((await fixture.connect(ENV, wrongAudience)).body.error.code).toBe('token_invalid');
    // Allowed, and nobody is present.
    expect((await fixture.connect(ENV, runner)).body.error.code).toBe('environment_offline');
    await api.delete(resourceOf('ExecutorGrant'), { namespace: 'team-a', name: 'ci' });
    await fixture.until(() => cluster.directory.grantFor('sa:team-a/runner', ENV) === undefined);
    expect((await fixture.connect(ENV, runner)).body.error.code).toBe('not_authorized');
  });

  it('registers the pod of the fence with a key of the status, and nobody else', async () => {
    const key = somePublicKey();
    const pod = await issuer.token({ now: now(), name: 'default', audiences: [AUDIENCES.registry], pod: POD });
    const attacker = { name: 'attacker', uid: 'another-uid' };
    const stolen = await issuer.token({ now: now(), name: 'default', audiences: [AUDIENCES.registry], pod: attacker });
    expect((await fixture.register(ENV, pod, key)).body.error.code).toBe('not_admitted_yet');
    await status('team-a', 'build', {
      keys: [
        {
          id: 'k1',
          state: 'Prepared',
          fingerprint: fixture.fingerprint('k1'),
          trigger: 'Initial',
          creationTime: '2026-11-21T08:00:00Z',
        },
      ],
    });
    await fixture.until(() => cluster.directory.environment(ENV)?.keys.length === 1);
    expect((await fixture.register(ENV, pod)).status).toBe(200);
    expect((await fixture.register(ENV, stolen)).body.error.code).toBe('not_admitted_yet');
    await status('team-a', 'build', { pod: { uid: 'next-uid' } });
    await fixture.until(() => cluster.directory.environment(ENV)?.fence.current === 'next-uid');
    expect((await fixture.register(ENV, pod)).body.error.code).toBe('superseded');
  });

  it('tells the operator, and nobody else, what it has in memory, and each change', async () => {
    const token = await issuer.token({ ...OPERATOR, now: now(), audiences: [AUDIENCES.internal] });
    const url = `${fixture.url}${ENVIRONMENTS_PATH}`;
    const stranger = await issuer.token({ now: now(), audiences: [AUDIENCES.internal] });
    const refused = await fetch(url, { headers: { authorization: `Bearer ${stranger}` } });
    expect([refused.status, await refused.json()]).toMatchObject([401, { error: { code: 'token_invalid' } }]);
    const heard: RegistryToOperator[] = [];
    const request = get(`${url}?watch`, { headers: { authorization: `Bearer ${token}` } });
    const [response]: IncomingMessage[] = await once(request, 'response');
    let rest = '';
    response?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) heard.push(registryToOperator.parse(line) ?? { type: 'heartbeat' });
    });
    await fixture.until(() => heard.some(({ type }) => type === 'synced'));
    expect(heard.map(({ type }) => type)).toEqual(['hello', 'environment', 'synced']);
    expect(heard[1]).toMatchObject({ environment: { environmentId: ENV, incarnation: POD.uid, registrations: [] } });
    // No sidecar has spoken: that is not zero sessions.
    expect(heard[1]).not.toHaveProperty('environment.sessions');
    await api.delete(resourceOf('Executor'), { namespace: 'team-a', name: 'build' });
    await fixture.until(() => heard.some(({ type }) => type === 'gone'));
    const ended = response && once(response, 'end');
    await fixture.stopRegistry();
    await ended;
  });
});
