import { ROTATION_DUE, readExecutorStatus, UnreadableResource } from '../../api/index.ts';
import {
  changedKeys,
  isHeld,
  type KeeperInput,
  type KeyHolder,
  KeyKeeper,
  type KeyStore,
  KeyStoreError,
  type KeysRecord,
  keyChanges,
  keyOccurrences,
  leftAlone,
  type ObservedKeys,
  recordOf,
  rotationFindings,
  statusOf,
} from '../../keys/index.ts';
import { DevError } from '../errors.ts';
import { readFileIfThere, removeFile, writeFileAtomic } from '../state/atomic-file.ts';
import type { ExecutorLayout } from '../state/layout.ts';
import { recordOfFormerState } from './former-state.ts';

/** More than any look at unchanged things needs; what is left comes with the next round. */
const MAX_STEPS = 32;

export interface ExecutorKeysOptions {
  readonly holder: KeyHolder;
  readonly store: KeyStore;
  readonly layout: Pick<ExecutorLayout, 'statusFile' | 'rotationFile'>;
  /** The record was written: registries are to know of it before anything is done about it. */
  readonly recorded: () => void;
}

/** What is seen of an executor outside of its folder. */
export type KeysSeen = Pick<KeeperInput, 'policy' | 'rotation' | 'revocation' | 'heard' | 'now'>;

export interface KeysRound {
  /** What happened, as events of a cluster say it. */
  readonly notes: readonly string[];
  /** What waits or is wrong, for as long as it is so. */
  readonly problems: readonly string[];
}

/**
 * The keys of one executor: what an operator does with `status` of an Executor and a key store is done here with a file and a folder, by the same
 * keeper. Safe to kill between any two steps.
 */
export class ExecutorKeys {
  readonly #options: ExecutorKeysOptions;
  readonly #keeper: KeyKeeper;
  #record: KeysRecord;

  private constructor(options: ExecutorKeysOptions, record: KeysRecord) {
    this.#options = options;
    this.#record = record;
    this.#keeper = new KeyKeeper({
      store: options.store,
      // The sidecar looks at its folder by itself.
      poke: async () => {},
      // Nobody else writes: the state directory is locked.
      confirm: async () => {},
    });
  }

  /** @throws DevError `state_unreadable`: guessing here could bring a key back that was revoked */
  static async open(options: ExecutorKeysOptions, now: number): Promise<ExecutorKeys> {
    const { store, holder, layout } = options;
    const text = readFileIfThere(layout.statusFile);
    const former = text === undefined ? readFileIfThere(layout.rotationFile) : undefined;
    const path = former === undefined ? layout.statusFile : layout.rotationFile;
    try {
      const record =
        former === undefined
          ? recordOf(readExecutorStatus(JSON.parse(text ?? '{}')))
          : recordOfFormerState(JSON.parse(former), await store.list(holder), now);
      return new ExecutorKeys(options, record);
    } catch (cause) {
      if (cause instanceof KeyStoreError) throw cause;
      throw unreadable(path, cause);
    }
  }

  get record(): KeysRecord {
    return this.#record;
  }

  /** Whether something is to be heard from a registry: that a key serves, that one was cut, or that one is out of memory. */
  get awaitsWord(): boolean {
    return this.#record.keys.some((key) => {
      const { state, cut } = key;
      const isCut = state !== 'Revoked' || cut?.completionTime !== undefined;
      return state === 'Prepared' || !isCut || isHeld(key);
    });
  }

  /** Brings the keys on until there is nothing to do now. */
  async round(seen: KeysSeen): Promise<KeysRound> {
    const { holder } = this.#options;
    const notes: string[] = [];
    for (let left = MAX_STEPS; ; left--) {
      const before = this.#record;
      const step = await this.#keeper.step({ ...seen, holder, record: before, pod: undefined });
      if (step.type === 'record') {
        this.#save(step.record);
        notes.push(...keyOccurrences(keyChanges(before.keys, step.record.keys)).map(({ note }) => note));
      }
      if (step.type !== 'wait' && left > 0) continue;
      return { notes, problems: await this.#problems({ ...step.observed, record: this.#record }, seen.now) };
    }
  }

  #save(record: KeysRecord): void {
    const { layout, recorded } = this.#options;
    writeFileAtomic(layout.statusFile, `${JSON.stringify(statusOf(record), undefined, 2)}\n`);
    removeFile(layout.rotationFile);
    this.#record = record;
    recorded();
  }

  async #problems(observed: ObservedKeys, now: number): Promise<string[]> {
    const conditions = rotationFindings(observed, now).filter(({ type }) => type !== ROTATION_DUE);
    const changed = changedKeys(observed).map(({ id }) => id);
    const strangers = leftAlone(observed.record, observed.store);
    const files = [...new Set([...changed, ...strangers])];
    return [
      ...conditions.map(({ reason, message }) => `${reason}: ${message}`),
      ...(await Promise.all(files.map((id) => this.#problemOf(id, changed.includes(id))))),
    ];
  }

  async #problemOf(id: string, isChanged: boolean): Promise<string> {
    const { store, holder, layout } = this.#options;
    try {
      const keyFile = await store.read(holder, id);
      keyFile.fill(0);
    } catch (error) {
      if (!(error instanceof KeyStoreError)) throw error;
      return `${error.message} It is left alone.`;
    }
    return isChanged
      ? `Key ${id} in the folder is not the one in ${layout.statusFile}: somebody replaced it. Restore it, or revoke ${id}.`
      : `Key ${id} in the folder is unknown, and older than others that are known: it is left alone.`;
  }
}

function unreadable(path: string, cause: unknown): DevError {
  const why =
    cause instanceof UnreadableResource ? cause.problems.map(({ field }) => field).join(', ') : 'no JSON of ours';
  const message = `${path} cannot be read (${why}). Restore it, or delete it: the keys that lie beside it are then taken up as they are.`;
  return new DevError('state_unreadable', message, { cause });
}
