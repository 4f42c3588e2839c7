import {
  GROUP,
  readExecutor,
  readExecutorGrant,
  readRelay,
  type StoredExecutor,
  type StoredExecutorGrant,
  type StoredRelay,
  VERSION,
} from '../api/index.ts';
import { defineResource, type KubeObject } from '../kube/index.ts';

/** A parsed object of ours, as the controller runtime takes it. */
type Served<T> = T & KubeObject;

/** What the schema filled in is there; the rest is the object itself. */
function reading<T>(read: (raw: unknown) => T): (raw: KubeObject) => Served<T> {
  return (raw) => read(raw) as Served<T>;
}

export type ServedRelay = Served<StoredRelay>;
export type ServedExecutor = Served<StoredExecutor>;
export type ServedGrant = Served<StoredExecutorGrant>;

const OURS = { group: GROUP, version: VERSION } as const;

export const relays = defineResource<ServedRelay>({
  ...OURS,
  kind: 'Relay',
  plural: 'relays',
  parse: reading(readRelay),
});

export const executors = defineResource<ServedExecutor>({
  ...OURS,
  kind: 'Executor',
  plural: 'executors',
  parse: reading(readExecutor),
});

export const executorGrants = defineResource<ServedGrant>({
  ...OURS,
  kind: 'ExecutorGrant',
  plural: 'executorgrants',
  parse: reading(readExecutorGrant),
});
