import { KEYS_FINALIZER, READY, REASONS } from '../../api/index.ts';
import { type KeyStore, KeyStoreError } from '../../keys/index.ts';
import { isApiError, parseTime, secondTime } from '../../kube/index.ts';
import { writeStatus } from '../conditions/write-status.ts';
import { deleteOthers } from '../executor-pod/apply-pod.ts';
import { executors, type ServedExecutor } from '../own-kinds.ts';
import type { World } from '../world.ts';
import { childrenLeft, deletingFindings } from './deleting.ts';

/**
 * How long a deleted Executor waits for a key store that is away, in milliseconds: longer than a restart or an unsealing, and short enough that whoever
 * deletes a namespace need not come back tomorrow. Keys that are left behind open nothing: registries know the executor no more.
 */
const PATIENCE_MS = 3_600_000;
const LOOK_AGAIN_MS = 30_000;

/** Where keys lie: what sidecars mount goes with its owner, a store beside it does not. */
interface KeyPlaces {
  readonly store: KeyStore;
  readonly secret?: KeyStore | undefined;
}

/** @returns whether the finalizer was put there just now: what follows is decided by the object as it is then */
export async function holdForKeys(
  world: World,
  { secret }: KeyPlaces,
  executor: ServedExecutor,
  signal: AbortSignal,
): Promise<boolean> {
  const { finalizers = [], namespace, name } = executor.metadata;
  const hasKeysOutside = secret !== undefined && executor.spec.runtime.type !== 'External';
  if (!hasKeysOutside || finalizers.includes(KEYS_FINALIZER)) return false;
  if (await wroteFinalizers(world, executor, [...finalizers, KEYS_FINALIZER], signal)) return true;
  // A chart of the release before gives no right to: keys would be left behind at the end, but nothing may fail for it now.
  world.log.warn(
    { namespace, executor: name },
    'no right to put a finalizer: keys stay in the key store when it is deleted',
  );
  return false;
}

/** Ends what the garbage collector does not: its keys in the store, after its pods. */
export async function reconcileDeleted(
  world: World,
  places: KeyPlaces,
  executor: ServedExecutor,
  signal: AbortSignal,
): Promise<{ requeueAt: number } | undefined> {
  const store = places.secret === undefined ? undefined : places.store;
  const { finalizers = [], namespace, name, uid } = executor.metadata;
  if (!finalizers.includes(KEYS_FINALIZER)) {
    const findings = deletingFindings(childrenLeft(world.stores, executor.metadata));
    await writeStatus(world, executors, executor, { status: executor.status, findings }, signal);
    return undefined;
  }
  const owner = { kind: 'Executor', namespace, name, uid } as const;
  await deleteOthers(world, owner, undefined, signal);
  const failure = await removeKeys(store, executor, signal);
  const deadline = (parseTime(executor.metadata.deletionTimestamp) ?? 0) + PATIENCE_MS;
  const now = world.clock.now();
  const waits = async (message: string, until: number) => {
    const findings = [{ type: READY, status: 'Unknown', reason: REASONS.Deleting, message } as const];
    await writeStatus(world, executors, executor, { status: executor.status, findings }, signal);
    return { requeueAt: Math.min(now + LOOK_AGAIN_MS, until) };
  };
  if (failure !== undefined && store !== undefined && now < deadline) {
    return waits(waitingForStore(executor, failure, deadline), deadline);
  }
  const others = finalizers.filter((each) => each !== KEYS_FINALIZER);
  if (!(await wroteFinalizers(world, executor, others, signal))) {
    return waits(waitingForRight(executor), Number.POSITIVE_INFINITY);
  }
  if (failure !== undefined) world.events.record(executor, leftBehind(executor, failure));
  return undefined;
}

/** @returns why not, in words; undefined when none is left */
async function removeKeys(
  store: KeyStore | undefined,
  { metadata, spec }: ServedExecutor,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (store === undefined) return 'The operator has no key store outside of Secrets any more';
  try {
    for (const { id } of await store.list(metadata, { signal })) {
      await store.destroy(metadata, id, spec.keys.deletionPolicy, { signal });
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof KeyStoreError)) throw error;
    return error.message;
  }
}

function waitingForStore(executor: ServedExecutor, failure: string, deadline: number): string {
  return `It is being deleted, and its keys are to leave the key store first. ${failure}. Nobody can connect meanwhile. At ${secondTime(deadline)} it goes without, and the keys stay there; to have that at once: ${letGo(executor)}`;
}

/** The chart gives it with keys in Vault alone: so after a change back to Secrets. */
function waitingForRight(executor: ServedExecutor): string {
  return `It is being deleted, and the operator has no right any more to take its finalizer away. To let it go: ${letGo(executor)}`;
}

function letGo({ metadata: { namespace, name } }: ServedExecutor): string {
  return `kubectl patch executor ${name} -n ${namespace} --type=merge -p '{"metadata":{"finalizers":null}}'`;
}

function leftBehind({ status }: ServedExecutor, failure: string) {
  const ids = status.keys.map(({ id }) => id).join(', ');
  const note = `Keys of this executor (${ids || 'none is recorded'}) may be left in the key store. ${failure}. They open nothing any more; delete them there.`;
  return { type: 'Warning', reason: 'KeysLeftBehind', action: 'DestroyKey', note } as const;
}

/** Writes them; false without the right to. */
async function wroteFinalizers(
  { api }: World,
  { metadata: { namespace, name, resourceVersion } }: ServedExecutor,
  finalizers: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const body = { metadata: { finalizers, resourceVersion } };
  try {
    await api.patch(executors, { namespace, name }, { type: 'merge', body }, { signal });
    return true;
  } catch (error) {
    if (isApiError(error, 'Forbidden')) return false;
    throw error;
  }
}
