import type { VaultSettings } from '../../src/keys/index.ts';
import { deployments, type Pod } from '../../src/kube/index.ts';
import { executors } from '../../src/operator/own-kinds.ts';
import { OperatorFixture } from '../../src/operator/testing/fixture.ts';
import { SlowLine } from '../faults/slow-line.ts';
import { Gate } from './gate.ts';
import { GuidedBao } from './guided-bao.ts';

/** Of a period of rotations in which none is due. */
const LONG_HOURS = 2_160;
const REF = { namespace: 'team-a', name: 'build' };
/** Until the operator looks again, and the calls of one look are given up one after the other. Milliseconds. */
const PATIENCE_MS = 90_000;

/** An operator whose keys are in an OpenBao of their own, with an executor that serves `k1`. */
export class OutagePlace {
  readonly guided: GuidedBao;
  readonly line: SlowLine;
  readonly gate: Gate;
  readonly cluster = new OperatorFixture();
  #pod: Pod | undefined;
  #looks = 0;

  private constructor(guided: GuidedBao, line: SlowLine, gate: Gate) {
    this.guided = guided;
    this.line = line;
    this.gate = gate;
  }

  static async make(): Promise<OutagePlace> {
    const guided = await GuidedBao.start();
    const gate = await Gate.open(guided.bao);
    const line = await SlowLine.lay({ address: '127.0.0.1', port: 0, target: gate.port });
    const place = new OutagePlace(guided, line, gate);
    const address = `https://127.0.0.1:${line.port}`;
    await place.#begin({ ...guided.settings(), address });
    return place;
  }

  async #begin(vault: VaultSettings): Promise<void> {
    const { cluster } = this;
    await cluster.start({ vault });
    await cluster.applyRelay({ allowedNamespaces: { from: 'All' } });
    await cluster.eventually('both Deployments', async () => (await cluster.all(deployments, 'agents')).length === 2);
    await cluster.rollOut();
    await cluster.startRegistry();
    await cluster.applyExecutor({ keys: { rotation: { overlap: '0s' } } });
    this.#pod = await cluster.fence();
    await cluster.run(this.#pod);
    await this.serve('k1');
    await cluster.keysBecome('k1 Active');
  }

  async serve(...ids: string[]): Promise<void> {
    if (this.#pod === undefined) throw new Error('the executor has a pod');
    await this.cluster.serveKeys(this.#pod, ...ids);
  }

  async rotate(value: string): Promise<void> {
    const body = { metadata: { annotations: { 'noisefleet.dev/rotate-requested-at': value } } };
    await this.cluster.api.patch(executors, REF, { type: 'merge', body });
  }

  /** The condition that says what is wrong, of this generation of the executor's spec. */
  async says(why: RegExp) {
    const look = async () => {
      const { metadata, status } = await this.cluster.executor();
      return status.conditions.find(
        ({ status: is, message, observedGeneration }) =>
          is === 'True' && why.test(message) && observedGeneration === metadata.generation,
      );
    };
    return this.cluster.eventually(`a condition ${why}`, look, PATIENCE_MS);
  }

  async becomes(states: string): Promise<void> {
    await this.cluster.eventually(states, async () => (await this.cluster.keyStates()) === states, PATIENCE_MS);
  }

  async inVault(...ids: readonly string[]): Promise<void> {
    const look = async () => (await this.guided.bao.list('kv/metadata/production/team-a/build/')).join() === ids.join();
    await this.cluster.eventually(`${ids} in OpenBao`, look);
  }

  /** The operator has looked at the executor once more since: it has seen this change of its spec. */
  async looksAgain(): Promise<void> {
    this.#looks += 1;
    await this.cluster.patchExecutor({ keys: { rotation: { period: `${LONG_HOURS + this.#looks}h` } } });
    const look = async () => {
      const { metadata, status } = await this.cluster.executor();
      return status.observedGeneration === metadata.generation;
    };
    await this.cluster.eventually('another look', look, PATIENCE_MS);
  }

  async close(): Promise<void> {
    await this.cluster.stop();
    await this.line.close();
    this.gate.close();
    await this.guided.close();
  }
}
