import { beforeAll, describe, expect, it } from 'vitest';
import { useAgents } from './agents-namespace.ts';
import { BusyRelay } from './streams/busy-relay.ts';
import { expectNothingLost } from './streams/ends.ts';
import { useSecondNode } from './streams/second-node.ts';
import type { Streams } from './streams/streams.ts';

/** Several drains, each up to its whole grace period. Milliseconds. */
const STEP_LIMIT_MS = 300_000;
/** `kubectl drain`: the grace period of a relay, and some. */
const DRAIN_SECONDS = 180;

describe('a Relay under thirty streaming sessions', () => {
  useSecondNode();
  const relay = new BusyRelay(useAgents('drains', { replicas: 2, registry: { replicas: 2 } }));
  relay.use();
  const { kubectl } = relay;
  let streams: Streams;
  let restless: Streams;
  let readySince: string | undefined;
  let lives: readonly string[];

  const scale = (replicas: number) => kubectl.run(['scale', 'relay', 'main', `--replicas=${replicas}`]);

  beforeAll(async () => {
    streams = await relay.stream({ sessions: 26, restless: 0 });
    restless = await relay.stream({ sessions: 4, restless: 4 });
    readySince = await relay.readySince();
    lives = await relay.executorLives();
    await streams.look('nothing happens');
  }, STEP_LIMIT_MS);

  it(
    'is updated, all of its pods one after the other',
    async () => {
      const resources = { requests: { cpu: '60m' } };
      const spec = { resources, registry: { resources } };
      const old = (await relay.pods('relay')).map(({ metadata }) => metadata.uid);
      await kubectl.run(['patch', 'relay', 'main', '--type=merge', '-p', JSON.stringify({ spec })]);
      await kubectl.wait('relay/main', 'condition=Reconciling', 60);
      for (const part of ['RelaysReady', 'RegistriesReady']) await kubectl.wait('relay/main', `condition=${part}`, 120);
      await kubectl.wait('relay/main', 'jsonpath={.status.terminatingReplicas}', 30);
      // Sessions that never fall silent are at the old ones until the end of the drain, which goes on under what follows.
      const left = (await relay.pods('relay')).filter(({ metadata }) => old.includes(metadata.uid));
      expect(left.filter(({ metadata }) => metadata.deletionTimestamp === undefined)).toEqual([]);
      await streams.look('rolling update');
    },
    STEP_LIMIT_MS,
  );

  it(
    'has more replicas and fewer, by hand',
    async () => {
      for (const replicas of [3, 2, 1, 2]) {
        await relay.through(() => scale(replicas));
        await streams.look(`scale to ${replicas}`);
      }
    },
    STEP_LIMIT_MS,
  );

  it(
    'has as many replicas as a HorizontalPodAutoscaler says, and nobody sets them back',
    async () => {
      await relay.through(async () => {
        await kubectl.apply({
          apiVersion: 'autoscaling/v2',
          kind: 'HorizontalPodAutoscaler',
          metadata: { name: 'main' },
          spec: {
            scaleTargetRef: { apiVersion: 'noisefleet.dev/v1alpha1', kind: 'Relay', name: 'main' },
            minReplicas: 3,
            maxReplicas: 4,
          },
        });
        await kubectl.wait('relay/main', 'jsonpath={.spec.replicas}=3', 90);
      });
      await kubectl.wait('hpa/main', 'jsonpath={.status.currentReplicas}=3', 90);
      await kubectl.run(['delete', 'hpa', 'main']);
      await relay.through(() => scale(2));
      await streams.look('autoscaler to 3, scale to 2');
    },
    STEP_LIMIT_MS,
  );

  it(
    'moves also those who never fall silent, at the end of a drain',
    async () => {
      const { moved } = await restless.look('sessions that never fall silent, since the beginning');
      expect(moved).toBe(4);
      expectNothingLost(await restless.end());
    },
    STEP_LIMIT_MS,
  );

  it(
    'is on a node that is drained',
    async () => {
      expect((await relay.pods('relay')).filter(({ spec }) => spec.nodeName === 'node2')).not.toEqual([]);
      await relay.through(async () => {
        const drain = ['drain', 'node2', '--ignore-daemonsets', '--delete-emptydir-data'];
        await kubectl.run([...drain, `--timeout=${DRAIN_SECONDS}s`], { seconds: DRAIN_SECONDS + 30 });
      });
      await kubectl.run(['uncordon', 'node2']);
      await streams.look('node drained');
    },
    STEP_LIMIT_MS,
  );

  it(
    'lost nothing, did nothing twice, and never said that it was not ready',
    async () => {
      expectNothingLost(await streams.end());
      expect(await relay.executorLives()).toEqual(lives);
      expect(readySince).toBeDefined();
      expect(await relay.readySince()).toBe(readySince);
    },
    STEP_LIMIT_MS,
  );
});
