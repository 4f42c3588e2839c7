import type { V1PersistentVolumeClaim } from '@kubernetes/client-node';
import { configMaps, networkPolicies, persistentVolumeClaims } from '../../kube/index.ts';
import { applyChild, currentChild } from '../children/apply-child.ts';
import { type Child, childMetadata, type Owner } from '../children/child.ts';
import { relayOf } from '../namespaces/decide.ts';
import { executorPolicy } from '../network/policy.ts';
import type { ServedExecutor } from '../own-kinds.ts';
import type { World } from '../world.ts';
import { executorNames } from './names.ts';

/** Everything that a pod needs beside its key, before the pod: a pod never runs for a moment without its policy. */
export async function applySurroundings(
  world: World,
  executor: ServedExecutor,
  owner: Owner,
  bundle: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { stores } = world;
  const { spec } = executor;
  const policy = executorPolicy({ owner, egress: spec.egress, relay: relayOf(executor) });
  await applyChild(world, { resource: networkPolicies, store: stores.networkPolicies }, policy, owner, signal);
  const bundleMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: childMetadata(owner, 'executor', executorNames(owner).bundle),
    data: { 'ca.crt': bundle ?? '' },
  };
  await applyChild(world, { resource: configMaps, store: stores.configMaps }, bundleMap, owner, signal);
  const claim = workspaceClaim(owner, spec);
  if (claim === undefined) return;
  const kind = { resource: persistentVolumeClaims, store: stores.persistentVolumeClaims };
  const { name, namespace } = claim.metadata;
  const live = await currentChild(world, kind, { name, namespace }, owner, signal);
  // A claim that is being deleted is still bound: the next one is made when it is gone.
  if (live?.metadata.deletionTimestamp !== undefined) return;
  await world.applier.apply(kind.resource, claim, live, { signal });
}

/** The volume claim of a persistent workspace; goes with the executor, not with its pods. */
function workspaceClaim(
  owner: Owner,
  { workspace }: ServedExecutor['spec'],
): Child<V1PersistentVolumeClaim> | undefined {
  if (workspace.type !== 'Persistent') return undefined;
  const { size, storageClassName } = workspace.persistent;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: childMetadata(owner, 'executor', executorNames(owner).workspace),
    spec: {
      accessModes: ['ReadWriteOnce'],
      ...(storageClassName !== undefined && { storageClassName }),
      resources: { requests: { storage: size } },
    },
  };
}
