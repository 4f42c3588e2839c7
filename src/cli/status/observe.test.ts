import { beforeEach, describe, expect, it } from 'vitest';
import { API_VERSION } from '../../api/index.ts';
import { MemoryApiServer } from '../../kube/testing/index.ts';
import { systemClock } from '../../telemetry/index.ts';
import { executors, relays } from '../cluster/kinds.ts';
import type { Observed } from './fleet.ts';
import { followFleet, observeFleet } from './observe.ts';

describe('what status looks at', () => {
  let server: MemoryApiServer;

  beforeEach(async () => {
    server = new MemoryApiServer({ clock: systemClock });
    server.define(executors);
    server.define(relays);
    await create('Relay', 'agents', 'main', {});
    await create('Relay', 'team-b', 'own', {});
    await create('Executor', 'team-a', 'build', { relayRef: { name: 'main', namespace: 'agents' } }, { tier: 'ci' });
    await create('Executor', 'team-b', 'other', { relayRef: { name: 'own' } });
  });

  function create(kind: 'Relay' | 'Executor', namespace: string, name: string, spec: object, labels = {}) {
    const object = { apiVersion: API_VERSION, kind, metadata: { namespace, name, labels }, ...{ spec } };
    return kind === 'Relay' ? server.api().create(relays, object) : server.api().create(executors, object);
  }

  const everything = { namespace: undefined, labelSelector: undefined, names: [] };

  function names({ relays: front, executors: behind }: Observed): string[] {
    return [...front, ...behind].map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).sort();
  }

  it.each([
    ['everything', everything, ['agents/main', 'team-a/build', 'team-b/other', 'team-b/own']],
    [
      'a namespace, with the relay elsewhere that is used there',
      { ...everything, namespace: 'team-a' },
      ['agents/main', 'team-a/build'],
    ],
    [
      'executors with a label, and their relays',
      { ...everything, labelSelector: 'tier=ci' },
      ['agents/main', 'team-a/build'],
    ],
    ['executors by name', { ...everything, namespace: 'team-b', names: ['other'] }, ['team-b/other', 'team-b/own']],
  ])('is %s', async (_name, question, expected) => {
    expect(names(await observeFleet(server.api(), question))).toEqual(expected);
  });

  it('leaves out a relay that may not be read', async () => {
    server.intercept(({ path }) => (path.includes('/namespaces/agents/relays/') ? forbidden() : undefined));
    const seen = await observeFleet(server.api(), { ...everything, namespace: 'team-a' });
    expect(names(seen)).toEqual(['team-a/build']);
  });

  it('names the nearest when there is none of that name', async () => {
    const call = observeFleet(server.api(), { ...everything, namespace: 'team-a', names: ['biuld'] });
    await expect(call).rejects.toThrow('there is no Executor team-a/biuld (not_found)\n  Did you mean build?');
  });

  it.each([
    [undefined, 'kubectl create clusterrolebinding noisefleet-view-all --clusterrole=noisefleet-view --user=jane'],
    ['team-a', 'kubectl create rolebinding noisefleet-view -n team-a --clusterrole=noisefleet-view --user=jane'],
  ])('in namespace %s is refused with the command that mends it', async (namespace, command) => {
    server.intercept(() => forbidden());
    const call = observeFleet(server.api(), { ...everything, namespace });
    await expect(call).rejects.toMatchObject({ exitCode: 4, message: expect.stringContaining(command) });
  });

  it('is told again at each change, until it is stopped', async () => {
    const stop = new AbortController();
    const told: string[][] = [];
    const second = Promise.withResolvers<void>();
    const question = { ...everything, namespace: 'team-a' };
    const following = followFleet(
      server.api(),
      question,
      (observed) => {
        told.push(names(observed));
        if (told.at(-1)?.includes('team-a/new')) second.resolve();
      },
      stop.signal,
    );
    await create('Executor', 'team-a', 'new', { relayRef: { name: 'main', namespace: 'agents' } });
    await second.promise;
    stop.abort();
    await following;

    expect(told[0]).toEqual(['agents/main', 'team-a/build']);
    expect(told.at(-1)).toEqual(['agents/main', 'team-a/build', 'team-a/new']);
  });
});

function forbidden() {
  const message = 'forbidden: User "jane" cannot list resource';
  return { status: 403, body: { kind: 'Status', status: 'Failure', reason: 'Forbidden', message, code: 403 } };
}
