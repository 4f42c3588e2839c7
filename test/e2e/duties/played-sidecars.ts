import { Informer, type ObjectApi } from '../../../src/kube/index.ts';
import { executors, type ServedExecutor } from '../../../src/operator/own-kinds.ts';
import { ScriptedRegistry } from '../../../src/operator/testing/scripted-registry.ts';
import { createLogger, systemClock } from '../../../src/telemetry/index.ts';

const LIVE = ['Prepared', 'Active', 'Retiring'];

/** The sidecars of a fleet without pods, and the registry in front of them: what is in a Secret is loaded and registered at once. */
export class PlayedSidecars {
  readonly registry = new ScriptedRegistry();
  readonly #said = new Map<string, string>();

  /** Plays the executors of a namespace until the signal aborts. */
  follow(api: ObjectApi, namespace: string, signal: AbortSignal): Promise<void> {
    const log = createLogger({ component: 'test', level: 'silent' });
    const informer = new Informer<ServedExecutor>({ api, resource: executors, clock: systemClock, log });
    informer.onChange(({ type, object }) => {
      if (type !== 'deleted') this.#report(object);
    });
    informer.follow([namespace]);
    return informer.run(signal);
  }

  #report({ status: { environmentID, pod, keys, keyDelivery } }: ServedExecutor): void {
    if (environmentID === undefined || pod?.uid === undefined) return;
    const live = keys.flatMap(({ id, state, fingerprint }) => {
      const isLoaded = LIVE.includes(state) && keyDelivery?.keys.includes(id) === true;
      return isLoaded && fingerprint !== undefined ? [{ id, fingerprint }] : [];
    });
    const report = JSON.stringify([pod.uid, live]);
    if (this.#said.get(environmentID) === report) return;
    this.#said.set(environmentID, report);
    this.registry.serve(environmentID, pod.uid, live);
  }
}
