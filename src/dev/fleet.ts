import { describeProblem, parseManifests } from '../api/index.ts';
import { DirectoryKeyStore, isLive, type KeyRecord } from '../keys/index.ts';
import type { Clock } from '../telemetry/index.ts';
import { clientHolder, directoryOf, type ExecutorFacts, holdersOf, registrationHolder } from './directory.ts';
import { DevError } from './errors.ts';
import { ExecutorUnit, shapeOf, type UnitSurroundings } from './executor-unit.ts';
import { ExecutorKeys, type KeysRound } from './keys/executor-keys.ts';
import { askRegistry, heardKeys, type RegistryWord } from './keys/registry-word.ts';
import { readManifestFolder } from './manifests/folder.ts';
import { type Plan, type PlannedEnvironment, planOf } from './manifests/plan.ts';
import { type ReadyFile, readyFileOf } from './ready-file.ts';
import { writeFileIfChanged } from './state/atomic-file.ts';
import { makePrivateDirectory } from './state/layout.ts';
import type { TokenBook } from './state/tokens.ts';

/** What a round found that people should hear of, once each. */
export interface FleetEvents {
  /** The manifests changed and cannot be followed; the last good ones stay in force. */
  manifestsRefused(problems: string): void;
  manifestsFollowed(plan: Plan): void;
  executorAdded(environment: PlannedEnvironment): void;
  executorRemoved(environmentId: string): void;
  keys(environmentId: string, round: KeysRound): void;
}

export interface FleetOptions extends UnitSurroundings {
  readonly folder: string;
  readonly tokens: TokenBook;
  /** Everywhere the ready file is to stand. */
  readonly readyFiles: readonly string[];
  readonly fleetEvents: FleetEvents;
  readonly clock: Clock;
}

/**
 * Brings the machine to what the manifests say, again and again: one round reads them, the key folders and the clock, and changes
 * what differs. Nothing is remembered between rounds that the next could not find out, so a missed round costs nothing.
 */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #units = new Map<string, ExecutorUnit>();
  readonly #keys = new Map<string, ExecutorKeys>();
  #manifestText = '';
  #plan: Plan;
  #announced = false;

  /** @throws DevError `manifests_refused`, `folder_unreadable` */
  constructor(options: FleetOptions) {
    this.#options = options;
    const files = readManifestFolder(options.folder);
    this.#manifestText = JSON.stringify(files);
    this.#plan = parsePlan(files);
  }

  get plan(): Plan {
    return this.#plan;
  }

  get units(): ReadonlyMap<string, ExecutorUnit> {
    return this.#units;
  }

  /** Of those that the registry accepts. */
  newestKey(environmentId: string): KeyRecord | undefined {
    return this.#keys.get(environmentId)?.record.keys.findLast(isLive);
  }

  /** The client token of an environment, as the ready file has it. */
  credential(environmentId: string): string {
    return this.#readyContent().environments[environmentId]?.clientToken ?? '';
  }

  /** From now on every round keeps the ready file current. */
  announce(): void {
    this.#announced = true;
    this.#writeReadyFiles();
  }

  async round(): Promise<void> {
    this.#followManifests();
    const { tokens, clock } = this.#options;
    tokens.renew(holdersOf(this.#plan), clock.now());
    await this.#followAllKeys();
    const leaving = this.#takeLeaving();
    if (leaving.length > 0) {
      this.#writeDirectory(); // what leaves is refused first; then its ports come free for what takes its place
      await Promise.all(leaving.map((unit) => unit.stop()));
    }
    const added = await this.#prepareMissing();
    this.#writeDirectory();
    for (const unit of added) unit.start(); // only now does the registry know their tokens
    if (this.#announced) this.#writeReadyFiles();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#units.values()].map((unit) => unit.stop()));
  }

  kill(): void {
    for (const unit of this.#units.values()) unit.kill();
  }

  #followManifests(): void {
    const { folder, fleetEvents } = this.#options;
    try {
      const files = readManifestFolder(folder);
      const text = JSON.stringify(files);
      if (text === this.#manifestText) return;
      this.#manifestText = text;
      this.#plan = parsePlan(files);
      fleetEvents.manifestsFollowed(this.#plan);
    } catch (error) {
      if (!(error instanceof DevError)) throw error;
      if (error.code === 'folder_unreadable' && this.#manifestText === error.code) return;
      if (error.code === 'folder_unreadable') this.#manifestText = error.code;
      fleetEvents.manifestsRefused(error.message);
    }
  }

  async #followAllKeys(): Promise<void> {
    for (const environment of this.#plan.environments) {
      // An External one makes its own key at each start.
      if (environment.runtime !== 'External' && !this.#keys.has(environment.id)) await this.#openKeys(environment);
    }
    const word = await this.#askRegistry();
    for (const { id, keys: asked } of this.#plan.environments) {
      const keys = this.#keys.get(id);
      if (keys === undefined) continue;
      const heard = heardKeys(word, id, this.#units.get(id)?.incarnation);
      const round = await keys.round({ ...asked, heard, now: this.#options.clock.now() });
      this.#options.fleetEvents.keys(id, round);
    }
  }

  async #openKeys({ id, namespace, name }: PlannedEnvironment): Promise<void> {
    const layout = this.#options.layout.executor(id);
    for (const folder of [layout.root, layout.keys]) makePrivateDirectory(folder);
    const keys = await ExecutorKeys.open(
      {
        holder: { namespace, name, uid: id },
        store: new DirectoryKeyStore(() => layout.keys),
        layout,
        recorded: () => this.#writeDirectory(),
      },
      this.#options.clock.now(),
    );
    this.#keys.set(id, keys);
  }

  /** Nobody is asked at rest: only a key on its way needs to be heard of. */
  async #askRegistry(): Promise<RegistryWord | undefined> {
    const { registryUrl, layout } = this.#options;
    const isAwaited = [...this.#keys.values()].some((keys) => keys.awaitsWord);
    return isAwaited ? askRegistry(registryUrl, layout.presenceSecretFile) : undefined;
  }

  /** Units whose executor is gone or has another shape now. */
  #takeLeaving(): ExecutorUnit[] {
    const shapes = new Map(this.#plan.environments.map((each) => [each.id as string, shapeOf(each)]));
    const leaving = [...this.#units].filter(([id, unit]) => shapes.get(id) !== unit.shape);
    for (const [id] of leaving) {
      this.#units.delete(id);
      if (shapes.has(id)) continue;
      this.#keys.delete(id);
      this.#options.fleetEvents.executorRemoved(id);
    }
    return leaving.map(([, unit]) => unit);
  }

  async #prepareMissing(): Promise<ExecutorUnit[]> {
    const added: ExecutorUnit[] = [];
    for (const environment of this.#plan.environments) {
      if (environment.runtime === 'External' || this.#units.has(environment.id)) continue;
      const unit = await ExecutorUnit.prepare(environment, this.#options);
      this.#units.set(environment.id, unit);
      added.push(unit);
      this.#options.fleetEvents.executorAdded(environment);
    }
    return added;
  }

  #writeDirectory(): void {
    const { layout, tokens } = this.#options;
    const facts = new Map(this.#plan.environments.map((each) => [each.id as string, this.#factsOf(each)]));
    const content = directoryOf(this.#plan, facts, (identity) => tokens.issuedTo(clientHolder(identity)));
    writeFileIfChanged(layout.directoryFile, `${JSON.stringify(content, undefined, 2)}\n`);
  }

  #factsOf({ id, runtime }: PlannedEnvironment): ExecutorFacts {
    if (runtime === 'External') {
      const now = this.#options.clock.now();
      const issued = this.#options.tokens.issuedTo(registrationHolder(id)).filter(({ expiresAt }) => expiresAt > now);
      return { executorTokenSha256: issued.map(({ sha256 }) => sha256), record: undefined };
    }
    const unit = this.#units.get(id);
    return {
      ...(unit && { incarnation: unit.incarnation }),
      executorTokenSha256: unit === undefined ? [] : [unit.executorTokenSha256],
      record: this.#keys.get(id)?.record,
    };
  }

  #writeReadyFiles(): void {
    const content = `${JSON.stringify(this.#readyContent(), undefined, 2)}\n`;
    for (const path of this.#options.readyFiles) writeFileIfChanged(path, content);
  }

  #readyContent(): ReadyFile {
    const { registryUrl: registry, tokens, clock } = this.#options;
    return readyFileOf({ registry, environments: this.#plan.environments, tokens, now: clock.now() });
  }
}

/** @throws DevError `manifests_refused` with every problem, each with file and line where it has one */
function parsePlan(files: Parameters<typeof parseManifests>[0]): Plan {
  const { resources, problems } = parseManifests(files);
  const refuse = (lines: readonly string[]) =>
    new DevError('manifests_refused', `the manifests cannot be used:\n${lines.map((line) => `  ${line}`).join('\n')}`);
  if (problems.length > 0) throw refuse(problems.map(describeProblem));
  const planned = planOf(resources);
  if ('problems' in planned) throw refuse(planned.problems);
  return planned.plan;
}
