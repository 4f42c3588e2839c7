import {
  GROUP,
  readExecutor,
  readExecutorGrant,
  readRelay,
  type StoredExecutor,
  type StoredExecutorGrant,
  type StoredRelay,
  VERSION,
} from '../../../api/index.ts';
import { defineResource, type KubeObject, type Resource } from '../../../kube/index.ts';

/** Our kinds as a person reads them; a CRD that is newer than this program is no reason to say nothing. */
export const executors = own<StoredExecutor>('Executor', 'executors', readExecutor);
export const relays = own<StoredRelay>('Relay', 'relays', readRelay);
export const executorGrants = own<StoredExecutorGrant>('ExecutorGrant', 'executorgrants', readExecutorGrant);

function own<Stored>(kind: string, plural: string, read: (raw: unknown) => Stored): Resource<Stored & KubeObject> {
  // What the schema filled in is there; the rest is the object itself.
  const parse = (raw: KubeObject) => read(raw) as Stored & KubeObject;
  return defineResource({ group: GROUP, version: VERSION, kind, plural, parse });
}
