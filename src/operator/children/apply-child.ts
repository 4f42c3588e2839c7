import { FIELD_MANAGER, LABELS } from '../../api/index.ts';
import { controllerOf, type KubeObject, type ObjectRef, type Resource, type WritableObject } from '../../kube/index.ts';
import type { ReadStore, World } from '../world.ts';
import type { Owner } from './child.ts';

/** Something of the name that we need is there and is not ours: it is left alone, and a human decides. */
export class NotOwnedError extends Error {
  override readonly name = 'NotOwnedError';
  readonly code = 'not_owned';
  readonly step = 'apply child';

  constructor(kind: string, { namespace, name }: ObjectRef, owner: Owner) {
    super(
      `${kind} ${namespace}/${name} does not belong to this ${owner.kind} and is left alone. ` +
        `Rename it, or if nobody needs it: kubectl delete ${kind.toLowerCase()} -n ${namespace} ${name}`,
    );
  }
}

/** What an earlier owner of the same name left is still being collected: try again soon. */
class BeingCollectedError extends Error {
  override readonly name = 'BeingCollectedError';
  readonly code = 'being_collected';
  readonly step = 'apply child';
}

/** One kind of child, and where it is seen. */
export interface ChildKind<T extends KubeObject> {
  readonly resource: Resource<T>;
  readonly store: ReadStore<T>;
}

/** The object as it is, for sure: what the store does not have may be there without our labels, or not have arrived yet. */
export async function currentChild<T extends KubeObject>(
  world: Pick<World, 'api'>,
  kind: ChildKind<T>,
  ref: Required<ObjectRef>,
  owner: Owner,
  signal: AbortSignal,
): Promise<T | undefined> {
  return owned(await find(world, kind, ref, signal), owner);
}

/**
 * Brings a child to what is desired; writes nothing when it is so already. One that has our labels and no controller is taken back: somebody
 * removed the reference, or deleted an earlier owner with `--cascade=orphan`. Never a pod or what holds keys: those are found by
 * `currentChild` alone, since labels are anybody's to write. Throws `NotOwnedError`, `BeingCollectedError`, `ApiError`. */
export async function applyChild<T extends KubeObject>(
  world: Pick<World, 'api' | 'applier'>,
  kind: ChildKind<T>,
  desired: WritableObject & { readonly metadata: Required<ObjectRef> },
  owner: Owner,
  signal: AbortSignal,
): Promise<T> {
  const { name, namespace } = desired.metadata;
  const found = await find(world, kind, { name, namespace }, signal);
  const live = found !== undefined && isOrphanOf(owner, found) ? found : owned(found, owner);
  const { object } = await world.applier.apply(kind.resource, desired, live, { signal });
  return object;
}

/** Takes a child away that is no longer wanted. What is not ours stays. */
export async function removeChild<T extends KubeObject>(
  { api }: Pick<World, 'api'>,
  { resource, store }: ChildKind<T>,
  ref: Required<ObjectRef>,
  owner: Owner,
  signal: AbortSignal,
): Promise<void> {
  const live = store.get(ref);
  if (live === undefined || live.metadata.deletionTimestamp !== undefined) return;
  if (controllerOf(live)?.uid !== owner.uid) return;
  await api.delete(resource, ref, { uid: live.metadata.uid, signal });
}

async function find<T extends KubeObject>(
  { api }: Pick<World, 'api'>,
  { resource, store }: ChildKind<T>,
  ref: Required<ObjectRef>,
  signal: AbortSignal,
): Promise<T | undefined> {
  return store.get(ref) ?? (await api.find(resource, ref, { signal }));
}

function isOrphanOf({ kind, name }: Owner, { metadata }: KubeObject): boolean {
  const { labels = {} } = metadata;
  const ownersName = labels[kind === 'Relay' ? LABELS.relay : LABELS.executor];
  return controllerOf({ metadata }) === undefined && labels[LABELS.managedBy] === FIELD_MANAGER && ownersName === name;
}

function owned<T extends KubeObject>(live: T | undefined, owner: Owner): T | undefined {
  if (live === undefined) return undefined;
  const controller = controllerOf(live);
  if (controller?.uid === owner.uid) return live;
  const { name, namespace, labels } = live.metadata;
  const former = controller?.kind === owner.kind && controller.name === owner.name;
  if (former && labels?.[LABELS.managedBy] === FIELD_MANAGER) {
    throw new BeingCollectedError(
      `${live.kind} ${namespace}/${name} of an earlier ${owner.kind} is still being deleted`,
    );
  }
  throw new NotOwnedError(live.kind, live.metadata, owner);
}
