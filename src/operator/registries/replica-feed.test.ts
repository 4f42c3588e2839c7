import { beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../telemetry/index.ts';
import { ManualClock, settle } from '../../telemetry/testing/manual-clock.ts';
import { parseEnvironmentId, type RegistryToOperator, registryToOperator } from '../../wire/index.ts';
import { FeedError, type RegistryAddress } from './connection.ts';
import { ReplicaFeed, SILENCE_MS } from './replica-feed.ts';

const BUILD = parseEnvironmentId('team-a_build');
const address: RegistryAddress = { host: '10.0.0.1', port: 8443, serverName: 'registry.agents.svc', ca: undefined };

/** The registry's end of one connection. */
interface Wire {
  readonly say: (...messages: RegistryToOperator[]) => void;
  readonly sayText: (line: string) => void;
  readonly fail: (error: unknown) => void;
  readonly cut: () => boolean;
}

const environment = (sessions?: number): RegistryToOperator => ({
  type: 'environment',
  environment: { environmentId: BUILD, registrations: [], denies: [], ...(sessions !== undefined && { sessions }) },
});
const synced = (complete = true): RegistryToOperator => ({ type: 'synced', complete });

describe('the watch of one registry', () => {
  let clock: ManualClock;
  let wires: Wire[];
  let changes: (string[] | 'all')[];
  let failures: string[];
  let feed: ReplicaFeed;
  let stop: AbortController;

  beforeEach(() => {
    clock = new ManualClock();
    [wires, changes, failures] = [[], [], []];
    stop = new AbortController();
    feed = new ReplicaFeed({
      relay: 'agents/main',
      pod: 'registry-1',
      address: () => address,
      watch: (_, onLines, signal) => {
        const { promise, reject } = Promise.withResolvers<never>();
        signal.addEventListener('abort', () => reject(signal.reason));
        wires.push({
          say: (...messages) => onLines(messages.map((each) => registryToOperator.encode(each))),
          sayText: (line) => onLines([line]),
          fail: reject,
          cut: () => signal.aborted,
        });
        return promise;
      },
      onChange: (ids) => changes.push(ids === undefined ? 'all' : [...ids]),
      onState: () => {},
      onFailure: (code) => failures.push(code),
      clock,
      log: createLogger({ component: 'operator', level: 'silent' }),
      random: () => 0.5,
    });
    void feed.run(stop.signal);
  });

  const wire = (): Wire => {
    const last = wires.at(-1);
    if (last === undefined) throw new Error('nobody has connected');
    return last;
  };

  it('is complete when everything was said once, and tells then all and later each change', () => {
    wire().say({ type: 'hello', registryId: 'r' }, environment(1));
    expect([feed.state, changes]).toEqual(['connecting', []]);
    wire().say(synced());
    expect([feed.state, changes]).toEqual(['complete', ['all']]);
    wire().say(environment(2));
    expect(changes).toEqual(['all', [BUILD]]);
    expect(feed.view(BUILD)).toMatchObject({ complete: true, report: { sessions: 2 } });
  });

  it('is not complete while relays have not reported to the registry', () => {
    wire().say(environment(0), synced(false));
    expect(feed.view(BUILD)).toMatchObject({ complete: false, report: { sessions: 0 } });
    wire().say(synced(true));
    expect(feed.view(BUILD).complete).toBe(true);
  });

  it('forgets an environment that is gone', () => {
    wire().say(environment(1), synced(), { type: 'gone', environmentId: BUILD });
    expect(feed.view(BUILD).report).toBeUndefined();
  });

  it('knows nothing more when the connection is lost, and connects again after a pause', async () => {
    wire().say(environment(1), synced());
    wire().fail(new FeedError('closed', 'it ends'));
    await settle();
    expect([feed.view(BUILD), changes.at(-1), failures]).toEqual([
      { name: 'registry-1', complete: false, report: undefined },
      'all',
      ['closed'],
    ]);
    await clock.advanceSlowly(1_000);
    expect(wires).toHaveLength(2);
  });

  it('waits longer after each failure, up to half a minute', async () => {
    for (let failure = 0; failure < 10; failure++) {
      wire().fail(new FeedError('refused', 'the registry answers 401'));
      await settle();
      await clock.advanceSlowly(15_000, 1_000);
    }
    expect(wires).toHaveLength(11);
    wire().fail(new FeedError('refused', 'the registry answers 401'));
    await settle();
    await clock.advanceSlowly(14_000, 1_000);
    expect(wires).toHaveLength(11);
  });

  it('takes silence for a loss, whatever the connection says', async () => {
    wire().say(environment(1), synced());
    const first = wire();
    clock.advance(SILENCE_MS - 1);
    first.say({ type: 'heartbeat' });
    clock.advance(SILENCE_MS - 1);
    expect(first.cut()).toBe(false);
    clock.advance(1);
    await settle();
    expect([first.cut(), feed.state, failures]).toEqual([true, 'connecting', ['silent']]);
  });

  it('gives up on what sends no messages of ours, and goes on at types of a later release', async () => {
    wire().sayText('{"v":1,"type":"of-tomorrow"}');
    expect(failures).toEqual([]);
    expect(() => wire().sayText('<html>')).toThrow(FeedError);
  });

  it('ends without a word when it is asked to', async () => {
    stop.abort();
    await settle();
    expect([failures, changes]).toEqual([[], []]);
  });
});
