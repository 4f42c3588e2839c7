import {
  GROUP,
  readExecutor,
  readRelay,
  type StoredExecutor,
  type StoredRelay,
  UnreadableResource,
  VERSION,
} from '../../api/index.ts';
import { defineResource, type KubeObject } from '../../kube/index.ts';

/** As the server sent it, which is what `-o json` prints, beside what this version reads in it. */
export type Seen<T> = KubeObject & {
  readonly raw: KubeObject;
  /** Undefined for an object of a CRD that this version cannot read. */
  readonly read: T | undefined;
  readonly problem: string | undefined;
};

function seeing<T>(read: (raw: unknown) => T): (raw: KubeObject) => Seen<T> {
  return (raw) => {
    const head = { apiVersion: raw.apiVersion, kind: raw.kind, metadata: raw.metadata, raw };
    try {
      return { ...head, read: read(raw), problem: undefined };
    } catch (error) {
      if (!(error instanceof UnreadableResource)) throw error;
      return { ...head, read: undefined, problem: error.message };
    }
  };
}

const OURS = { group: GROUP, version: VERSION } as const;

export const executors = defineResource<Seen<StoredExecutor>>({
  ...OURS,
  kind: 'Executor',
  plural: 'executors',
  parse: seeing(readExecutor),
});

export const relays = defineResource<Seen<StoredRelay>>({
  ...OURS,
  kind: 'Relay',
  plural: 'relays',
  parse: seeing(readRelay),
});
