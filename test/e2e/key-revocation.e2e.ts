import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { decodeKeyFile } from '../../src/noise/index.ts';
import type { ServedExecutor } from '../../src/operator/own-kinds.ts';
import { encodePublicKey, SECURITY_PROFILE } from '../../src/wire/index.ts';
import { useAgents } from './agents-namespace.ts';
import { cluster } from './cluster-fixture.ts';
import { probeIn } from './isolation/in-container.ts';
import { neighbour } from './isolation/pods.ts';
import { serviceAccountOf, tokenOf } from './isolation/tokens.ts';
import { until } from './isolation/until.ts';
import { inMemoryOf } from './key-bytes/cluster-places.ts';
import { KeyBytes } from './key-bytes/key-bytes.ts';
import { CutOff } from './keys/cut-off.ts';
import { Echoes } from './keys/echoes.ts';
import { KeyFleet } from './keys/key-fleet.ts';
import { useOpenBao, VAULT_VALUES } from './keys/open-bao.ts';
import { Kubectl } from './kubectl.ts';
import { RELEASE, useProduct } from './product.ts';

const SESSIONS = 6;
/** A revocation, or the return of what was away, on a machine that does other things as well. Milliseconds. */
const STEP_LIMIT_MS = 240_000;
/** Whoever asks in the executor's place. */
const THIEF = 'thief';

const answers = z.record(z.string(), z.object({ status: z.number(), code: z.string().optional() }));
const podAddresses = z.object({ items: z.array(z.looseObject({ status: z.looseObject({ podIP: z.string() }) })) });

type Key = ServedExecutor['status']['keys' | 'formerKeys'][number];

const keyIn = ({ status }: ServedExecutor, id: string): Key | undefined =>
  [...status.keys, ...status.formerKeys].find((key) => key.id === id);

describe('a key that is revoked', () => {
  const vault = useOpenBao();
  const relay = { replicas: 2, registry: { replicas: 2 } };
  const fleet = new KeyFleet(
    useAgents('revocation', relay, () => useProduct(VAULT_VALUES)),
    vault,
  );
  fleet.use('dev');
  const { kubectl } = fleet;
  const keyBytes = new KeyBytes();
  const toStop: { stop(): void }[] = [];
  /** The public halves of keys, as a thief has them beside the private ones. */
  const copies = new Map<string, ReturnType<typeof encodePublicKey>>();

  beforeAll(async () => {
    await kubectl.apply(neighbour(THIEF));
    await kubectl.wait(`pod/${THIEF}`, 'condition=Ready', 60);
  });
  afterAll(() => {
    for (const each of toStop) each.stop();
  });

  async function work(): Promise<Echoes> {
    const { registryURL } = fleet.address;
    const order = { registryURL, environment: fleet.environmentId, sessions: SESSIONS, asks: false };
    const echoes = await Echoes.start(kubectl, 'dev', order);
    toStop.push(echoes);
    return echoes;
  }

  /** Processes of sessions in the executor's pod. */
  async function cats(): Promise<number> {
    const count = 'n=0; for f in /proc/[0-9]*/comm; do [ "$(cat $f 2>/dev/null)" = cat ] && n=$((n+1)); done; echo $n';
    const pod = await fleet.executorPod();
    return Number(await kubectl.run(['exec', pod, '-c', 'workspace', '--', 'sh', '-c', count]));
  }

  async function keep(id: string): Promise<void> {
    const file = await fleet.keyFile(id);
    keyBytes.add(id, file);
    copies.set(id, encodePublicKey(decodeKeyFile(Buffer.from(file)).publicKey));
  }

  /** With the token of the very pod that may register. */
  async function registerCopy(id: string): Promise<{ status: number; code?: string | undefined } | undefined> {
    const pod = await fleet.executorPod();
    const bearer = await tokenOf(
      { kubectl, pod, serviceAccount: await serviceAccountOf(kubectl, pod) },
      'noisefleet-registry',
    );
    const url = `${fleet.address.registryURL}/cloud/environment/${fleet.environmentId}/register`;
    const body = { security_profile: SECURITY_PROFILE, executor_public_key: copies.get(id) };
    const calls = [{ name: 'it', url, method: 'POST', bearer, body }];
    return answers.parse(await probeIn(kubectl, THIEF, 'probe-http', { calls })).it;
  }

  const becomes = async (id: string, what: string, holds: (key: Key) => boolean) => {
    const found = await fleet.becomes(`${id} ${what}`, (executor) => {
      const key = keyIn(executor, id);
      return key !== undefined && holds(key);
    });
    return keyIn(found, id);
  };

  it(
    'is cut without the relay that cannot be reached, which is named until it says so, and its processes end',
    async () => {
      await keep('k1');
      const echoes = await work();
      const running = await cats();
      expect(running).toBeGreaterThanOrEqual(SESSIONS);
      const [lost = ''] = await fleet.podsOf('relay');
      const registries = podAddresses.parse(
        await kubectl.get('pods', '-l', 'app.kubernetes.io/component=registry'),
      ).items;
      const line = new CutOff(
        lost,
        registries.map(({ status }) => status.podIP),
      );
      // Whatever becomes of this test, the others have a network that is whole.
      onTestFinished(() => line.mend());
      line.cut();

      const at = await fleet.revoke('k1');
      const name = `relay ${lost}`;
      const cut = await becomes('k1', `cut by all but ${name}`, (key) => {
        return key.cut?.completionTime !== undefined && key.cut.missing.join() === name;
      });
      expect(cut?.cut).toMatchObject({ acknowledged: 4, expected: 5 });
      const cuts = await until(
        () => echoes.cuts(),
        ({ length }) => length === SESSIONS,
      );
      await until(cats, (count) => count <= running - SESSIONS);
      expect(await registerCopy('k1')).toEqual({ status: 403, code: 'key_not_current' });
      const gone = await becomes('k1', 'gone', ({ destructionTime }) => destructionTime !== undefined);
      expect([gone?.heldBy, gone?.cut?.missing]).toEqual([undefined, [name]]);
      const memories = [
        ...(await inMemoryOf(kubectl, 'executor', keyBytes)),
        ...(await inMemoryOf(new Kubectl(cluster(), RELEASE), 'operator', keyBytes)),
      ];
      expect(memories.map(({ found }) => found)).toEqual([[], [], []]);

      line.mend();
      await fleet.activates('k2');
      const whole = await becomes('k1', 'cut by all', (key) => key.cut?.missing.length === 0);
      expect(whole?.cut).toMatchObject({ acknowledged: 5, expected: 5 });
      echoes.stop();
      process.stdout.write(
        `  K4 annotation until the streams of the revoked key are cut, a relay being cut off: ${spread(cuts.map((each) => each - at))} ms\n`,
      );
    },
    STEP_LIMIT_MS,
  );

  it(
    'is refused by every registry before it is called cut, while neither OpenBao nor a pod is there',
    async () => {
      await keep('k2');
      await fleet.setMode('Suspended');
      await until(
        () => fleet.podsOf('executor'),
        (pods) => pods.length === 0,
      );
      await vault().bao.kill();

      await fleet.revoke('k2');
      const revoked = await becomes('k2', 'cut', ({ cut }) => cut?.completionTime !== undefined);
      const parties = revoked?.cut?.missing.map((party) => party.split(' ')[0]) ?? [];
      expect(parties.filter((party) => party !== 'relay')).toEqual([]);
      expect(revoked?.cut?.expected).toBe(4);
      await until(
        () => fleet.inSecret(),
        (ids) => ids.length === 0,
      );
      // It is not called gone for being out of reach.
      expect(keyIn(await fleet.executor(), 'k2')?.destructionTime).toBeUndefined();

      await vault().bao.run();
      await vault().bao.unseal();
      await becomes('k2', 'gone', ({ destructionTime }) => destructionTime !== undefined);
      await fleet.setMode('Running');
      await fleet.activates('k3');
      expect(await fleet.inVault()).toEqual(['k3']);
      expect(await registerCopy('k2')).toEqual({ status: 403, code: 'key_not_current' });
    },
    STEP_LIMIT_MS,
  );
});

function spread(all: readonly number[]): string {
  const sorted = all.toSorted((a, b) => a - b);
  return `p50 ${sorted[Math.floor(sorted.length / 2)]}, max ${sorted.at(-1)}`;
}
