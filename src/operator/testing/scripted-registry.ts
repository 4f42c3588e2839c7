import {
  type EnvironmentId,
  type EnvironmentReport,
  parseEnvironmentId,
  parseFingerprint,
  parseIncarnation,
  parseKeyId,
  type RegistryToOperator,
  registrationIdOf,
  registryToOperator,
} from '../../wire/index.ts';
import { FeedError, type WatchRegistry } from '../registries/connection.ts';

/** A registry's internal API, said by a test: what it reports stays, and every connection hears it first. */
export class ScriptedRegistry {
  readonly #reports = new Map<EnvironmentId, EnvironmentReport>();
  readonly #connections = new Set<(lines: readonly string[]) => void>();
  #cut: (() => void)[] = [];

  /** What the operator connects by. */
  readonly watch: WatchRegistry = (_address, onLines, signal) => {
    const { promise, reject } = Promise.withResolvers<never>();
    const end = (error: unknown) => {
      this.#connections.delete(onLines);
      reject(error);
    };
    signal.addEventListener('abort', () => end(signal.reason));
    this.#cut.push(() => end(new FeedError('closed', 'the test has cut it')));
    this.#connections.add(onLines);
    const reports = [...this.#reports.values()].map((environment) => ({ type: 'environment', environment }) as const);
    onLines([...reports, { type: 'synced', complete: true } as const].map((each) => registryToOperator.encode(each)));
    return promise;
  };

  report(environment: string, change: Partial<EnvironmentReport>): void {
    const environmentId = parseEnvironmentId(environment);
    const report = { environmentId, registrations: [], denies: [], ...change };
    this.#reports.set(environmentId, report);
    this.#say({ type: 'environment', environment: report });
  }

  /** These keys are registered by this pod, and no other is in its memory. */
  serve(
    environment: string,
    uid: string,
    keys: readonly { readonly id: string; readonly fingerprint: string }[],
  ): void {
    const environmentId = parseEnvironmentId(environment);
    const incarnation = parseIncarnation(uid);
    const registrations = keys.map((key) => {
      const fingerprint = parseFingerprint(key.fingerprint);
      const registrationId = registrationIdOf(environmentId, incarnation, fingerprint);
      return {
        registrationId,
        keyId: parseKeyId(key.id),
        fingerprint,
        incarnation,
        firstRegistrationTime: 1,
        relays: 1,
      };
    });
    const loaded = registrations.map(({ fingerprint }) => fingerprint);
    this.report(environment, { incarnation, registrations, loaded });
  }

  /** Every connection ends. */
  cut(): void {
    for (const cut of this.#cut.splice(0)) cut();
  }

  #say(message: RegistryToOperator): void {
    for (const onLines of this.#connections) onLines([registryToOperator.encode(message)]);
  }
}
