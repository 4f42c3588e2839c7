import { createHash } from 'node:crypto';
import type { Clock, Counter, Gauge, Logger, Metrics, Timer } from '../../telemetry/index.ts';
import type { Access, EnvironmentId } from '../../wire/index.ts';
import type {
  ClientAuthentication,
  Directory,
  DirectoryChange,
  EnvironmentRecord,
  ExecutorAuthentication,
} from './directory.ts';
import { parseDirectoryFile } from './file-format.ts';
import { FileSource } from './file-source.ts';
import { EMPTY_VIEW, type FileView, nextView } from './file-view.ts';
import { accessStandsIn, grantIn } from './view.ts';
import { changesBetween, nextGrantExpiry, standingChanges } from './view-changes.ts';

/** Timers never exceed an hour: a longer wait is looked at again then. */
const LONGEST_WAIT_MS = 3_600_000;

export interface FileDirectoryOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

type Listener = (changes: readonly DirectoryChange[]) => void;

/**
 * The directory of one machine: a file that `noisefleet dev` writes. A version that cannot be read or parsed changes nothing; the
 * last good one stays in force, the log says what is wrong and `noisefleet_directory_good` is 0 until it is mended.
 */
export class FileDirectory implements Directory {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #source: FileSource;
  readonly #listeners = new Set<Listener>();
  readonly #reloads: Counter;
  readonly #good: Gauge;
  #view: FileView = EMPTY_VIEW;
  #viewedAt: number;
  #loaded = false;
  #expiry: Timer | undefined;

  private constructor({ path, clock, logger, metrics }: FileDirectoryOptions) {
    this.#clock = clock;
    this.#logger = logger;
    this.#viewedAt = clock.now();
    this.#reloads = metrics.counter(
      'noisefleet_directory_reloads_total',
      'Versions of the directory file that were looked at, by what came of it.',
      ['result'],
    );
    this.#good = metrics.gauge(
      'noisefleet_directory_good',
      '1 while the newest version of the directory file is in force, 0 while an older one stands in for a bad one.',
    );
    this.#source = new FileSource({
      path,
      clock,
      onContent: (text) => this.#offer(text),
      onError: (error) => this.#refuse(error),
    });
  }

  /** Never fails for a bad or missing file: then `synced()` stays false until it is mended. */
  static async open(options: FileDirectoryOptions): Promise<FileDirectory> {
    const directory = new FileDirectory(options);
    await directory.#source.start();
    return directory;
  }

  synced(): boolean {
    return this.#loaded;
  }

  complete(): boolean {
    return this.#loaded;
  }

  authenticateClient(token: string): Promise<ClientAuthentication> {
    return Promise.resolve(this.#client(sha256Hex(token)));
  }

  authenticateExecutor(token: string): Promise<ExecutorAuthentication> {
    if (!this.#loaded) return Promise.resolve({ outcome: 'unavailable' });
    return Promise.resolve(this.#executor(sha256Hex(token)));
  }

  environment(id: EnvironmentId): EnvironmentRecord | undefined {
    return this.#view.environments.get(id);
  }

  environments(): readonly EnvironmentRecord[] {
    return [...this.#view.environments.values()];
  }

  accessStands(access: Access): boolean {
    return accessStandsIn(this.#view, access, this.#clock.now());
  }

  grantFor(identity: string, environmentId: EnvironmentId): string | undefined {
    return grantIn(this.#view, identity, environmentId, this.#clock.now());
  }

  subscribe(listener: Listener): () => void {
    listener(standingChanges(this.#view, this.#clock.now()));
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Looks at the file now, without waiting for the file system to tell. */
  reload(): Promise<void> {
    return this.#source.look();
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    this.#expiry?.cancel();
    await this.#source.close();
  }

  #client(sha256: string): ClientAuthentication {
    if (!this.#loaded) return { outcome: 'unavailable' };
    const listed = this.#view.clientTokens.get(sha256);
    const known = listed ?? this.#view.formerClientTokens.get(sha256);
    if (known === undefined) return { outcome: 'unknown' };
    if (known.expiresAt <= this.#clock.now()) return { outcome: 'expired' };
    // Taken out of the file before its time: withdrawn, and nothing more is said about it.
    return listed === undefined ? { outcome: 'unknown' } : { outcome: 'proven', identity: listed.identity };
  }

  #executor(sha256: string): ExecutorAuthentication {
    const listed = this.#view.executorTokens.get(sha256);
    if (listed !== undefined) return { outcome: 'proven', ...listed };
    const former = this.#view.formerExecutorTokens.get(sha256);
    // The token of a replaced pod still proves which pod it was: the answer is "superseded", at which that pod's sidecar stops.
    return former?.incarnation === undefined ? { outcome: 'unknown' } : { outcome: 'proven', ...former };
  }

  #offer(text: string): void {
    try {
      const file = parseDirectoryFile(text);
      this.#advance(nextView(this.#view, file));
    } catch (error) {
      this.#refuse(error);
      return;
    }
    this.#reloads.add(1, { result: 'good' });
    this.#good.set(1);
    this.#logger.info({ environments: this.#view.environments.size }, 'directory loaded');
  }

  #advance(view: FileView): void {
    const before = { view: this.#view, now: this.#viewedAt };
    this.#view = view;
    this.#viewedAt = this.#clock.now();
    const first = !this.#loaded;
    this.#loaded = true;
    const changes = changesBetween(before, { view, now: this.#viewedAt });
    this.#armExpiry();
    // At the first version nobody's access was taken or given: it was only read.
    const news = first ? changes.filter((change) => change.type === 'key_revoked') : changes;
    for (const listener of this.#listeners) listener(news);
  }

  #refuse(error: unknown): void {
    this.#reloads.add(1, { result: 'bad' });
    this.#good.set(0);
    const reason = error instanceof Error ? error.message : String(error);
    this.#logger.error(
      { reason, inForce: this.#loaded ? 'the last good version' : 'nothing' },
      'directory file refused: mend it, it is read again at once',
    );
  }

  #armExpiry(): void {
    this.#expiry?.cancel();
    const now = this.#clock.now();
    const next = nextGrantExpiry(this.#view, now);
    if (next === undefined) return;
    this.#expiry = this.#clock.after(Math.min(next - now, LONGEST_WAIT_MS), () => this.#advance(this.#view));
  }
}

function sha256Hex(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
