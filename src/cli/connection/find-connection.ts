import { readFile } from 'node:fs/promises';
import type { StoredExecutor } from '../../api/index.ts';
import type { RemoteKeys } from '../../harness/index.ts';
import { type Cluster, isApiError, type ObjectApi } from '../../kube/index.ts';
import { type Clock, createLogger, systemClock } from '../../telemetry/index.ts';
import { followAuthorities, type Trust } from '../../wire/index.ts';
import { CliError } from '../client/cli-error.ts';
import type { ClusterFlags } from '../cluster/cluster-flags.ts';
import { readExecutorObject } from '../cluster/executor-object.ts';
import { executors } from '../cluster/kinds.ts';
import { openCluster } from '../cluster/open-cluster.ts';
import { UsageError } from '../exit.ts';
import type { Connection } from './connection.ts';
import { type ConnectionFile, entryFor, readConnectionFile } from './connection-file.ts';
import { type Environment, hasNamespace, parseEnvironment, parseObjectName } from './environment.ts';
import type { ConnectionFlags } from './flags.ts';
import { listsItsKeys, PinnedKeys } from './pinned-keys.ts';
import { connectionFromReadyFile } from './ready-file.ts';
import { registryOfExecutor, WITHOUT_READING } from './relay-address.ts';
import { type ServiceAccountName, ServiceAccountTokens } from './service-account-tokens.ts';
import { decideWay, type KnownRegistry, type Way } from './way.ts';

/** What is asked for beside flags. */
export interface ConnectionWorld {
  readonly variables: NodeJS.ProcessEnv;
  readonly clock: Clock;
  openCluster(flags: ClusterFlags): Promise<Cluster>;
}

const THIS_PROCESS: ConnectionWorld = { variables: process.env, clock: systemClock, openCluster };

type Role = 'harness' | 'executor';

/**
 * Where the environment is and with what credential to ask: from flags, the connection file, the cluster, or what `noisefleet dev` left here.
 *
 * @throws UsageError, CliError
 */
export async function findConnection(
  text: string,
  role: Role,
  flags: ConnectionFlags,
  world: ConnectionWorld = THIS_PROCESS,
): Promise<Connection> {
  const file = flags.readyFile === undefined ? await readConnectionFile(flags.config, world.variables) : undefined;
  const environment = parseEnvironment(text, await namespaceFor(text, role, flags, file, world));
  const entry = entryFor(file, environment, flags.context);
  const way = decideWay(role, flags, entry);
  if (way.type === 'readyFile') return connectionFromReadyFile(environment, role, flags, world.variables);
  const context = flags.context ?? entry?.context;
  const search = {
    environment,
    flags,
    world,
    cluster: lazily(() => world.openCluster({ ...flags, ...(context !== undefined && { context }) })),
  };
  return way.type === 'tokenFile' ? withTokenFile(way, search) : asServiceAccount(way, search);
}

/** The namespace of a name that stands alone: asks the kubeconfig only where a cluster is needed anyway. */
async function namespaceFor(
  text: string,
  role: Role,
  flags: ConnectionFlags,
  file: ConnectionFile | undefined,
  world: ConnectionWorld,
): Promise<string> {
  const said = flags.namespace ?? file?.namespace;
  if (said !== undefined || hasNamespace(text)) return said ?? 'default';
  const inFile = role === 'harness' && file?.connections.some(({ serviceAccount }) => serviceAccount !== undefined);
  const asksCluster =
    flags.serviceAccount !== undefined || inFile || (flags.tokenFile !== undefined && flags.registry === undefined);
  return asksCluster && flags.readyFile === undefined ? (await world.openCluster(flags)).namespace : 'default';
}

interface Search {
  readonly environment: Environment;
  readonly flags: ConnectionFlags;
  readonly world: ConnectionWorld;
  readonly cluster: () => Promise<Cluster>;
}

async function withTokenFile(
  { tokenFile, registry }: Extract<Way, { type: 'tokenFile' }>,
  search: Search,
): Promise<Connection> {
  const { environment, flags } = search;
  const known = registry ?? (await askCluster(search)).known;
  return {
    ...(await common(environment, known, flags)),
    remoteKeys: flags.remoteKey ?? [],
    credential: () => readText(tokenFile, 'token'),
    expirationTime: async () => undefined,
  };
}

async function asServiceAccount(
  { serviceAccount, registry }: Extract<Way, { type: 'serviceAccount' }>,
  search: Search,
): Promise<Connection> {
  const { environment, flags, world } = search;
  const account = accountOf(serviceAccount, environment, flags);
  const { api } = await search.cluster();
  const tokens = new ServiceAccountTokens({ api, account, clock: world.clock });
  // At once, so that a missing right is the first thing that is said.
  await tokens.current();
  const { known, executor } =
    registry === undefined
      ? await askCluster(search)
      : { known: registry, executor: await executorIfReadable(api, environment) };
  const keys = executor && keysOf(api, executor);
  return {
    ...(await common(environment, known, flags)),
    identity: `ServiceAccount ${account.namespace}/${account.name}`,
    credential: (refused) => tokens.current(refused),
    expirationTime: async () => tokens.expirationTime,
    remoteKeys: flags.remoteKey ?? remoteKeysOf(keys),
    ...(keys && { keyId: (fingerprint: string) => keys.idOf(fingerprint) }),
  };
}

/** Without a namespace of its own it is where `-n` says, or else where the executor is. @throws UsageError */
function accountOf(text: string, { names }: Environment, flags: ConnectionFlags): ServiceAccountName {
  const namespace = flags.namespace ?? names?.namespace ?? '';
  try {
    return parseObjectName(text, namespace);
  } catch {
    throw new UsageError(`"${text}" names no ServiceAccount: write NAME or NAMESPACE/NAME`);
  }
}

function remoteKeysOf(keys: PinnedKeys | undefined): RemoteKeys {
  return keys === undefined ? [] : (fingerprint) => keys.accepts(fingerprint);
}

function keysOf(api: ObjectApi, executor: StoredExecutor): PinnedKeys | undefined {
  if (!listsItsKeys(executor)) return undefined;
  const { namespace, name } = executor.metadata;
  return new PinnedKeys(executor, async (signal) => {
    const { read } = await api.get(executors, { namespace, name }, { signal });
    if (read === undefined) throw new Error('the executor cannot be read any more');
    return read;
  });
}

/** Keys are pinned for whoever may read them; everybody else connects as well. */
async function executorIfReadable(api: ObjectApi, { names }: Environment): Promise<StoredExecutor | undefined> {
  if (names === undefined) return undefined;
  try {
    return (await api.get(executors, names)).read;
  } catch (error) {
    if (isApiError(error)) return undefined;
    throw error;
  }
}

/** What the Executor and its Relay say, for whoever may read them. */
async function askCluster({
  environment: { names, id },
  flags,
  world,
  cluster,
}: Search): Promise<{ known: KnownRegistry; executor: StoredExecutor }> {
  if (names === undefined) {
    throw new UsageError(`${id} does not say which Executor it is: write NAMESPACE/NAME, or name the registry`);
  }
  const { api } = await cluster();
  const executor = await readExecutorObject(api, names, WITHOUT_READING);
  const inCluster = Boolean(world.variables.KUBERNETES_SERVICE_HOST);
  return { known: await registryOfExecutor(api, executor, { asked: flags.address, inCluster }), executor };
}

async function common({ id, label }: Environment, { url, caBundle }: KnownRegistry, { caFile }: ConnectionFlags) {
  const trust = caFile === undefined ? caBundle && { current: caBundle } : await trustIn(caFile);
  return { environmentId: id, label, registryUrl: url, ...(trust && { trust }) };
}

function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Followed for as long as the command runs: it may outlive an authority. Neither its watch nor its timer keeps the process alive. */
async function trustIn(file: string): Promise<Trust> {
  const logger = createLogger({ component: 'cli', level: 'silent' });
  try {
    return await followAuthorities({ file, clock: systemClock, logger });
  } catch (cause) {
    throw unreadable(file, 'certificates', cause);
  }
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw unreadable(path, what, cause);
  }
}

function unreadable(path: string, what: string, cause: unknown): CliError {
  return new CliError(`${path} holds no ${what} that can be read`, {
    code: cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable',
  });
}
