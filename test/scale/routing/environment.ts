import type { PublicKey } from '../../../src/noise/index.ts';
import {
  type EnvironmentId,
  fingerprintOf,
  parseEnvironmentId,
  parseIncarnation,
  registrationIdOf,
} from '../../../src/wire/index.ts';
import { type ListedEnvironment, newSecret, sha256 } from './files.ts';
import { type ExecutorPlan, PlayedExecutor } from './played-executor.ts';
import { somePublicKey } from './replicas.ts';

/** design.md §4: at most three keys are live. */
const MOST_KEYS = 3;

interface Key {
  readonly number: number;
  readonly publicKey: PublicKey;
}

export interface EnvironmentOptions extends Pick<ExecutorPlan, 'registryUrl' | 'random' | 'onWrong' | 'onGone'> {
  readonly name: string;
  /** It is another now, and its entry in the directory with it. */
  readonly onChange: () => void;
}

/** One environment with its incarnations and keys, played as the operator and its pods would. */
export class PlayedEnvironment {
  readonly id: EnvironmentId;
  readonly #options: EnvironmentOptions;
  readonly #executors = new Map<Key, PlayedExecutor>();
  /** Those too that were replaced and do not know it yet. */
  readonly #all = new Set<PlayedExecutor>();
  /** When a registration stopped being one that may be given out. Milliseconds since the epoch. */
  readonly #endedAt = new Map<string, number>();
  #keys: Key[] = [];
  #lives = 0;
  #lastKey = 0;
  #token = newSecret();

  constructor(options: EnvironmentOptions) {
    this.id = parseEnvironmentId(`default_${options.name}`);
    this.#options = options;
    this.#addKey();
  }

  get listed(): ListedEnvironment {
    return {
      ...{ id: this.id, runtime: 'BuiltIn', incarnation: this.#incarnation },
      executorTokenSha256: [sha256(this.#token)],
      keys: this.#keys.map(({ number, publicKey }) => ({
        id: `k${number}`,
        fingerprint: fingerprintOf(publicKey),
        state: 'Active',
      })),
    };
  }

  /** Undefined: it may be given out. */
  endedAt(registrationId: string): number | undefined {
    return this.#endedAt.get(registrationId);
  }

  /** All of its executors, where there are none. */
  come(): void {
    for (const key of this.#keys) if (!this.#executors.has(key)) this.#executors.set(key, this.#play(key));
  }

  /** Its processes die. */
  async leave(): Promise<void> {
    const gone = [...this.#executors.values()];
    this.#executors.clear();
    await Promise.all(gone.map((executor) => executor.stop()));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((executor) => executor.stop()));
  }

  /** Another pod takes its place; the old one is still there, and is put out by registries and relays alone. */
  move(): void {
    for (const key of this.#keys) this.#end(key);
    this.#lives += 1;
    this.#token = newSecret();
    this.#executors.clear();
    this.#options.onChange();
    this.come();
  }

  /** A further key; the oldest goes when there are too many. */
  rotate(): void {
    this.#addKey();
    if (this.#keys.length > MOST_KEYS) this.#end(this.#keys.shift());
    this.#options.onChange();
    this.come();
  }

  #addKey(): void {
    this.#lastKey += 1;
    this.#keys.push({ number: this.#lastKey, publicKey: somePublicKey() });
  }

  get #incarnation(): string {
    return `pod-${this.#lives}`;
  }

  #end(key: Key | undefined): void {
    if (key === undefined) return;
    const life = parseIncarnation(this.#incarnation);
    this.#endedAt.set(registrationIdOf(this.id, life, fingerprintOf(key.publicKey)), Date.now());
  }

  #play({ publicKey }: Key): PlayedExecutor {
    const { registryUrl, random, onWrong, onGone } = this.#options;
    const told = { registryUrl, random, onWrong, onGone };
    const token = this.#token;
    const isReplaced = () => this.#token !== token;
    const executor = new PlayedExecutor({ ...told, environmentId: this.id, token, publicKey, isReplaced });
    this.#all.add(executor);
    return executor;
  }
}
