import type { Clock, Timer } from '../../telemetry/index.ts';
import type { EnvironmentId, EnvironmentReport } from '../../wire/index.ts';
import type { Directory } from '../directory/directory.ts';
import { environmentReport, type ReportSources } from './environment-report.ts';

/** Changes that come together are reported together; far below what a person or the operator's next step would notice. */
const BATCH_MS = 100;

export interface FeedOptions extends ReportSources {
  readonly directory: Directory;
  readonly clock: Clock;
}

export interface FeedListener {
  readonly environment: (report: EnvironmentReport) => void;
  readonly gone: (environmentId: EnvironmentId) => void;
  /** The registry stops. */
  readonly closed: () => void;
}

/** Reports of all environments, and each again when it became different. It computes nothing while nobody listens. */
export class EnvironmentFeed {
  readonly #options: FeedOptions;
  readonly #listeners = new Map<FeedListener, Map<EnvironmentId, string>>();
  readonly #changed = new Set<EnvironmentId>();
  #allChanged = false;
  #batch: Timer | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  reports(): EnvironmentReport[] {
    const { directory } = this.#options;
    return directory.environments().map((record) => environmentReport(record, this.#options));
  }

  /** Perhaps different: one environment, or any. */
  changed(environmentId?: EnvironmentId): void {
    if (this.#listeners.size === 0) return;
    if (environmentId === undefined) this.#allChanged = true;
    else this.#changed.add(environmentId);
    this.#batch ??= this.#options.clock.after(BATCH_MS, () => this.#flush());
  }

  /** Hears all that is, at once, and then what becomes different. */
  listen(listener: FeedListener): () => void {
    const told = new Map<EnvironmentId, string>();
    this.#listeners.set(listener, told);
    for (const report of this.reports()) tell(listener, told, report);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#batch?.cancel();
    for (const listener of this.#listeners.keys()) listener.closed();
    this.#listeners.clear();
  }

  #flush(): void {
    const { directory } = this.#options;
    this.#batch = undefined;
    const records = this.#allChanged
      ? directory.environments()
      : [...this.#changed].map((id) => directory.environment(id)).filter((record) => record !== undefined);
    const reports = records.map((record) => environmentReport(record, this.#options));
    this.#allChanged = false;
    this.#changed.clear();
    for (const [listener, told] of this.#listeners) {
      for (const report of reports) tell(listener, told, report);
      for (const id of [...told.keys()]) {
        if (directory.environment(id) !== undefined) continue;
        told.delete(id);
        listener.gone(id);
      }
    }
  }
}

function tell(listener: FeedListener, told: Map<EnvironmentId, string>, report: EnvironmentReport): void {
  const text = JSON.stringify(report);
  if (told.get(report.environmentId) === text) return;
  told.set(report.environmentId, text);
  listener.environment(report);
}
