import { beforeEach, describe, expect, it } from 'vitest';
import { ANNOTATIONS, API_VERSION } from '../../api/index.ts';
import { MemoryApiServer } from '../../kube/testing/index.ts';
import { ManualClock, settle } from '../../telemetry/testing/manual-clock.ts';
import { executors } from '../cluster/kinds.ts';
import { Campaign, type CampaignOptions, type Target } from './campaign.ts';
import { chooseExecutors } from './choose.ts';
import { requestValue } from './request.ts';
import { progressLine, rotationLine } from './rotation-text.ts';

const VALUE = requestValue('CHG-1042');
const NAMES = ['a', 'b', 'c', 'd', 'e'];
const EARLIER = '2026-11-21T08:00:00Z';

const key = (id: string, state: string) => ({ id, state, trigger: 'Command', creationTime: EARLIER });

describe('a rotation of many executors', () => {
  let clock: ManualClock;
  let server: MemoryApiServer;
  let told: Target[];

  beforeEach(async () => {
    clock = new ManualClock();
    server = new MemoryApiServer({ clock });
    server.define(executors);
    told = [];
    for (const name of NAMES) {
      const metadata = { namespace: 'team-a', name, labels: { tier: 'ci' } };
      const object = {
        apiVersion: API_VERSION,
        kind: 'Executor',
        metadata,
        ...{ spec: { relayRef: { name: 'main' } } },
      };
      await server.api().create(executors, object);
      await tell(name, { keys: [key('k1', 'Active')] });
    }
  });

  /** Plays the operator. */
  async function tell(name: string, status: object): Promise<void> {
    const ref = { namespace: 'team-a', name };
    await server.api().patch(executors, ref, { type: 'merge', body: { status } }, { subresource: 'status' });
    await settle();
  }
  const finish = (name: string) =>
    tell(name, {
      handledRotationRequests: [VALUE],
      keys: [{ ...key('k1', 'Retiring'), retirementTime: '2026-11-22T08:00:00Z' }, key('k2', 'Active')],
      conditions: [],
    });
  const wait = (name: string, reason: string) => {
    const due = { type: 'RotationDue', status: 'True', reason, message: 'so it is', lastTransitionTime: EARLIER };
    return tell(name, { conditions: [due] });
  };

  async function asked(): Promise<string[]> {
    const { items } = await server.api().list(executors, { namespace: 'team-a' });
    const isAsked = (annotations = {}) => Reflect.get(annotations, ANNOTATIONS.rotateRequestedAt) === VALUE;
    return items.filter(({ metadata }) => isAsked(metadata.annotations)).map(({ metadata }) => metadata.name);
  }

  async function campaign(options: Partial<CampaignOptions> = {}): Promise<Campaign> {
    const question = { namespace: 'team-a', names: [], labelSelector: 'tier=ci' };
    const { executors: chosen } = await chooseExecutors(server.api(), question);
    return new Campaign(chosen, {
      ...{ api: server.api(), clock, value: VALUE, rate: 10, atOnce: 50, ...question },
      words: { requestedBy: 'jane', reason: 'quarterly' },
      tell: (target) => told.push(target),
      ...options,
    });
  }

  it('asks one after the other, no faster than the rate', async () => {
    const asking = (await campaign()).ask(new AbortController().signal);
    await settle();
    expect(await asked()).toEqual(['a']);
    clock.advance(99);
    await settle();
    expect(await asked()).toEqual(['a']);
    clock.advance(1);
    await settle();
    expect(await asked()).toEqual(['a', 'b']);
    await clock.advanceSlowly(300);
    await asking;
    expect(await asked()).toEqual(NAMES);
  });

  it('says who asks and why, in place of what an earlier request said', async () => {
    const ref = { namespace: 'team-a', name: 'a' };
    const before = { [ANNOTATIONS.requestedBy]: 'bob', [ANNOTATIONS.requestReason]: 'old' };
    await server.api().patch(executors, ref, { type: 'merge', body: { metadata: { annotations: before } } });
    const words = { requestedBy: 'jane', reason: undefined };
    const asking = (await campaign({ words })).ask(new AbortController().signal);
    await clock.advanceSlowly(500);
    await asking;
    const { metadata } = await server.api().get(executors, ref);
    expect(metadata.annotations).toEqual({
      [ANNOTATIONS.rotateRequestedAt]: 'command/CHG-1042',
      [ANNOTATIONS.requestedBy]: 'jane',
    });
  });

  it('that was stopped is gone on with by the same request: nobody is asked twice', async () => {
    const stopping = new AbortController();
    const first = (await campaign()).ask(stopping.signal);
    await settle();
    await clock.advanceSlowly(100);
    stopping.abort();
    await first;
    expect(await asked()).toEqual(['a', 'b']);
    // Somebody puts the annotation of a back to what it was: what was handled is handled.
    await finish('a');
    const ref = { namespace: 'team-a', name: 'a' };
    const body = { metadata: { annotations: { [ANNOTATIONS.rotateRequestedAt]: null } } };
    await server.api().patch(executors, ref, { type: 'merge', body });

    const patches = () =>
      server.requests.filter((request) => request.startsWith('PATCH') && !request.includes('status'));
    const before = patches().length;
    const second = (await campaign()).ask(new AbortController().signal);
    await clock.advanceSlowly(500);
    await second;
    expect(patches().length - before).toBe(3);
    expect(await asked()).toEqual(['b', 'c', 'd', 'e']);
  });

  it('has no more under way than it may, and waits for no overlap', async () => {
    const { signal } = new AbortController();
    const following = (await campaign({ atOnce: 2 })).askAndFollow(signal);
    await clock.advanceSlowly(500);
    expect(await asked()).toEqual(['a', 'b']);
    await finish('b');
    await clock.advanceSlowly(500);
    expect(await asked()).toEqual(['a', 'b', 'c']);
    await wait('a', 'OverlapFull');
    await clock.advanceSlowly(500);
    expect(await asked()).toEqual(['a', 'b', 'c', 'd']);
    await wait('c', 'KeyStoreUnavailable');
    await clock.advanceSlowly(500);
    expect(await asked()).toEqual(['a', 'b', 'c', 'd']);
    for (const name of ['c', 'd', 'a']) await finish(name);
    await clock.advanceSlowly(500);
    await finish('e');
    await following;
  });

  it('tells of each what became of it, and of all how far they are', async () => {
    const running = await campaign();
    const following = running.askAndFollow(new AbortController().signal);
    await settle();
    await clock.advanceSlowly(500);
    await tell('a', { handledRotationRequests: [VALUE], keys: [key('k1', 'Active'), key('k2', 'Prepared')] });
    clock.advance(700);
    await finish('a');
    await wait('b', 'OverlapFull');
    await server.api().delete(executors, { namespace: 'team-a', name: 'c' });
    const other = { metadata: { annotations: { [ANNOTATIONS.rotateRequestedAt]: 'another' } } };
    await server.api().patch(executors, { namespace: 'team-a', name: 'd' }, { type: 'merge', body: other });
    await settle();

    expect(progressLine(running.targets)).toBe(
      'rotating 5 executors  [############········]  3/5   1 waiting for the overlap of an earlier rotation (OverlapFull)',
    );
    expect(running.targets.map(rotationLine)).toEqual([
      'team-a/a   k1 → k2 · prepared 0.5 s · serving new clients 1.2 s · k1 accepted until 2026-11-22T08:00:00Z',
      'team-a/b   asked: OverlapFull: so it is',
      'team-a/c   was deleted',
      "team-a/d   somebody else's request has replaced this one",
      'team-a/e   asked',
    ]);
    for (const name of ['b', 'e']) await finish(name);
    await following;
    expect(told).toContain(running.targets[4]);
  });

  it('ends at the first who refuses, with what mends it', async () => {
    const message = 'executors.noisefleet.dev "a" is forbidden: User "jane" cannot patch resource "executors"';
    const body = { kind: 'Status', status: 'Failure', reason: 'Forbidden', message, code: 403 };
    const running = await campaign();
    server.intercept(({ method }) => (method === 'PATCH' ? { status: 403, body } : undefined));
    await expect(running.askAndFollow(new AbortController().signal)).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringContaining('--clusterrole=noisefleet-key-rotator --user=jane'),
    });
  });

  it('says what a policy refused, and offers no right that would not help', async () => {
    const message = `executors.noisefleet.dev "a" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p' denied request: names bob`;
    const body = { kind: 'Status', status: 'Failure', reason: 'Forbidden', message, code: 403 };
    const running = await campaign();
    server.intercept(({ method }) => (method === 'PATCH' ? { status: 403, body } : undefined));
    await expect(running.ask(new AbortController().signal)).rejects.toThrow(/^team-a\/a: names bob \(denied\)$/);
  });
});

describe('the choice of executors', () => {
  it('names the nearest one for a name that is none, and leaves out what makes its own keys', async () => {
    const server = new MemoryApiServer({ clock: new ManualClock() });
    server.define(executors);
    const create = (name: string, spec: object) => {
      const metadata = { namespace: 'team-a', name };
      return server.api().create(executors, { apiVersion: API_VERSION, kind: 'Executor', metadata, ...{ spec } });
    };
    await create('build', { relayRef: { name: 'main' } });
    await create('mac', { relayRef: { name: 'main' }, runtime: { type: 'External', external: {} } });
    const question = { namespace: 'team-a', labelSelector: undefined };
    await expect(chooseExecutors(server.api(), { ...question, names: ['buidl'] })).rejects.toThrow(
      'Did you mean build?',
    );
    await expect(chooseExecutors(server.api(), { ...question, names: ['x/a', 'y/b'] })).rejects.toThrow(
      'one namespace',
    );
    const { executors: chosen, leftOut } = await chooseExecutors(server.api(), { ...question, names: [] });
    expect(chosen.map(({ metadata }) => metadata.name)).toEqual(['build']);
    expect(leftOut).toEqual(['team-a/mac is left out: External, it makes its own keys']);
  });
});
