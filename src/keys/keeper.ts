import { type CallOptions, type KeyHolder, type KeyStore, KeyStoreError } from './key-store.ts';
import { decideKeys, dependencyOf, type KeyEffect } from './machine/decide.ts';
import { departing } from './machine/destruction.ts';
import { withFailure, withoutFailure } from './machine/failures.ts';
import type { ObservedKeys, PlaceView } from './machine/observed.ts';
import type { KeysRecord } from './machine/record.ts';
import type { RestingStores } from './rest.ts';
import { fingerprintOfKeyFile } from './stores/key-file-bytes.ts';
import type { KeyMemory } from './stores/key-memory.ts';

/** What the caller has seen; what stores hold is looked up here. */
export interface KeeperInput extends Omit<ObservedKeys, 'store' | 'secret' | 'holder' | 'lingering'> {
  readonly holder: KeyHolder;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface KeeperOptions {
  readonly store: KeyStore;
  /** What the sidecar mounts, when it is not the store itself. */
  readonly secret?: KeyStore | undefined;
  /** Spares a store that is far away the looks while there is nothing to do. Absent: every step looks. */
  readonly rests?: RestingStores | undefined;
  /** Of this process. Absent: another one's business, or nobody's. */
  readonly memory?: Pick<KeyMemory, 'lingers'> | undefined;
  /** Makes the pod's volume be mounted again, by a value that it has not seen. Whether there is a pod is the caller's to know. */
  readonly poke: (holder: KeyHolder, value: string, options: CallOptions) => Promise<void>;
  /**
   * Asked before each effect: throws when the record that was decided by is no longer the one that is stored. It keeps a process that only thinks
   * that it leads from working on; that it does no harm in the moment between is a property of each effect.
   */
  readonly confirm: (holder: KeyHolder, options: CallOptions) => Promise<void>;
}

export interface KeeperStep {
  /** `record`: write it, with the version that was read as precondition. `acted`, `wait`: nothing to write. */
  readonly type: 'record' | 'acted' | 'wait';
  /** What was decided by. */
  readonly observed: ObservedKeys;
  readonly record: KeysRecord;
  readonly effect?: KeyEffect;
  /** Whether that effect was done, as far as anybody knows. */
  readonly isDone?: boolean;
  /** Of `wait`: look again at this time (milliseconds), or when something is different. */
  readonly until?: number | undefined;
}

/** Brings the keys of executors on, a step at a time: looks, decides, and does one thing. What it does follows from what it sees in that step. */
export class KeyKeeper {
  readonly #options: KeeperOptions;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** What an effect throws that is no `KeyStoreError`, `confirm` and `poke` included, is the caller's. */
  async step({ now, holder, ...seen }: KeeperInput, options: CallOptions = {}): Promise<KeeperStep> {
    const resting = await this.#rest({ ...seen, holder, now }, options);
    if (resting !== undefined) return resting;
    const places = await this.#look(holder, options);
    const lingering = this.#lingering(holder, { ...places, record: seen.record });
    const observed: ObservedKeys = { ...seen, holder, ...places, lingering };
    const decision = decideKeys(observed, now);
    switch (decision.type) {
      case 'record':
        this.#options.rests?.forget(holder);
        return { type: 'record', observed, record: decision.record };
      case 'wait':
        return this.#wait(decision.until, holder, observed, now);
      case 'effect':
        this.#options.rests?.forget(holder);
        return this.#attempt(decision.effect, holder, observed, now, options);
      default:
        return decision satisfies never;
    }
  }

  #lingering(holder: KeyHolder, seen: Pick<ObservedKeys, 'record' | 'store' | 'secret'>): ReadonlySet<string> {
    const { memory } = this.#options;
    return new Set(memory === undefined ? [] : departing(seen).filter((id) => memory.lingers(holder, id)));
  }

  /** A wait that needs no look into the store; undefined when something may have to be done. */
  async #rest({ now, holder, ...seen }: KeeperInput, options: CallOptions): Promise<KeeperStep | undefined> {
    const { rests, secret } = this.#options;
    const rest = rests?.recall(holder, now);
    if (rest === undefined) return undefined;
    const store: PlaceView = { reachable: true, keys: rest.keys };
    const observed: ObservedKeys = {
      ...seen,
      holder,
      store,
      secret: secret && (await lookInto(secret, holder, options)),
    };
    const decision = decideKeys(observed, now);
    if (decision.type !== 'wait') return undefined;
    return { type: 'wait', observed, record: observed.record, until: earlier(decision.until, rest.until) };
  }

  #wait(until: number | undefined, holder: KeyHolder, observed: ObservedKeys, now: number): KeeperStep {
    const { store, record } = observed;
    const look = store.reachable ? this.#options.rests?.remember(holder, store.keys, now) : undefined;
    return { type: 'wait', observed, record, until: earlier(until, look) };
  }

  async #attempt(
    effect: KeyEffect,
    holder: KeyHolder,
    observed: ObservedKeys,
    now: number,
    options: CallOptions,
  ): Promise<KeeperStep> {
    const dependency = dependencyOf(effect);
    await this.#options.confirm(holder, options);
    try {
      await this.#act(effect, holder, observed.policy.deletionPolicy, options);
    } catch (error) {
      if (!(error instanceof KeyStoreError)) throw error;
      const record = withFailure(observed.record, { dependency, code: error.code, message: error.message }, now);
      return { type: 'record', observed, record, effect, isDone: false };
    }
    const record = withoutFailure(observed.record, dependency);
    return { type: record === observed.record ? 'acted' : 'record', observed, record, effect, isDone: true };
  }

  async #act(
    effect: KeyEffect,
    holder: KeyHolder,
    policy: ObservedKeys['policy']['deletionPolicy'],
    options: CallOptions,
  ): Promise<void> {
    const { store, secret, poke } = this.#options;
    switch (effect.type) {
      case 'create':
        await store.create(holder, effect.id, options);
        return;
      case 'deliver':
        return this.#copy(store, secret, holder, effect, options);
      case 'restore':
        return this.#copy(secret, store, holder, effect, options);
      case 'withdraw':
        return secret?.destroy(holder, effect.id, 'Destroy', options);
      case 'destroy':
        return store.destroy(holder, effect.id, policy, options);
      case 'note': {
        const { note: state, retirementTime } = effect;
        return store.note(
          holder,
          effect.id,
          { state, ...(retirementTime !== undefined && { retirementTime }) },
          options,
        );
      }
      case 'poke':
        return poke(holder, effect.value, options);
      default:
        return effect satisfies never;
    }
  }

  /** Only the key that is recorded: what lies there may have been replaced since it was looked at. */
  async #copy(
    from: KeyStore | undefined,
    to: KeyStore | undefined,
    holder: KeyHolder,
    { id, fingerprint }: { readonly id: string; readonly fingerprint: string },
    options: CallOptions,
  ): Promise<void> {
    if (from === undefined || to === undefined) return;
    const keyFile = await from.read(holder, id, options);
    try {
      if (fingerprintOfKeyFile(keyFile, 'copy key', id) !== fingerprint) {
        throw new KeyStoreError('malformed', 'copy key', `${id} is not the key that is recorded`);
      }
      await to.put(holder, id, keyFile, options);
    } finally {
      keyFile.fill(0);
    }
  }

  /** One after the other: both must be looked at after the record was read, and neither may end the look of the other. */
  async #look(holder: KeyHolder, options: CallOptions): Promise<Pick<ObservedKeys, 'store' | 'secret'>> {
    const { store, secret } = this.#options;
    return {
      store: await lookInto(store, holder, options),
      secret: secret && (await lookInto(secret, holder, options)),
    };
  }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

async function lookInto(place: KeyStore, holder: KeyHolder, options: CallOptions): Promise<PlaceView> {
  try {
    return { reachable: true, keys: await place.list(holder, options) };
  } catch (error) {
    if (!(error instanceof KeyStoreError)) throw error;
    return { reachable: false, code: error.code, message: error.message };
  }
}
