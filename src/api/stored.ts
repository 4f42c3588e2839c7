import { z } from 'zod';
import { executor } from './kinds/executor.ts';
import { type ExecutorStatus, executorStatus } from './kinds/executor-status.ts';
import { executorGrant, executorGrantStatus } from './kinds/grant.ts';
import { relay } from './kinds/relay.ts';
import { relayStatus } from './kinds/relay-status.ts';

/** The part of `metav1.ObjectMeta` that the API server returns and anything here asks for. */
const storedMetadata = z.object({
  name: z.string(),
  namespace: z.string(),
  uid: z.string(),
  /** Opaque: compare for equality only. */
  resourceVersion: z.string(),
  generation: z.int(),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
  finalizers: z.array(z.string()).default([]),
  creationTimestamp: z.string(),
  deletionTimestamp: z.string().optional(),
});
export type StoredMetadata = z.infer<typeof storedMetadata>;

const stored = { metadata: storedMetadata } as const;
const storedExecutor = z.object({ ...executor.shape, ...stored, status: executorStatus.prefault({}) });
const storedRelay = z.object({ ...relay.shape, ...stored, status: relayStatus.prefault({}) });
const storedExecutorGrant = z.object({ ...executorGrant.shape, ...stored, status: executorGrantStatus.prefault({}) });

export type StoredExecutor = z.infer<typeof storedExecutor>;
export type StoredRelay = z.infer<typeof storedRelay>;
export type StoredExecutorGrant = z.infer<typeof storedExecutorGrant>;

export interface ReadProblem {
  /** `spec.runtime.type` */
  readonly field: string;
  readonly message: string;
}

/** An object that the API server has and that this version cannot read: of a newer or an older CRD than its own. */
export class UnreadableResource extends Error {
  override readonly name = 'UnreadableResource';
  readonly code = 'unreadable_resource';
  readonly problems: readonly ReadProblem[];

  constructor(what: string, problems: readonly ReadProblem[]) {
    super(`${what} cannot be read: ${problems.map(({ field, message }) => `${field}: ${message}`).join('; ')}`);
    this.problems = problems;
  }
}

/**
 * An object as the API server returned it. Fields of a newer CRD are left out and not refused, since operator and CRDs are not
 * upgraded in one moment; what is missing in spec or status is filled in.
 * @throws UnreadableResource
 */
export function readExecutor(object: unknown): StoredExecutor {
  return read(storedExecutor, object);
}

/** @throws UnreadableResource */
export function readRelay(object: unknown): StoredRelay {
  return read(storedRelay, object);
}

/** @throws UnreadableResource */
export function readExecutorGrant(object: unknown): StoredExecutorGrant {
  return read(storedExecutorGrant, object);
}

/** Fields within unknown fields are gone with these, so that rounds are needed only for unions inside unions. */
const MAX_ROUNDS = 4;

/**
 * A status that was kept apart from its object.
 * @throws UnreadableResource
 */
export function readExecutorStatus(status: unknown): ExecutorStatus {
  return read(executorStatus, status);
}

function read<Output>(schema: z.ZodType<Output>, object: unknown): Output {
  let known = object;
  for (let round = 1; ; round += 1) {
    const result = schema.safeParse(known);
    if (result.success) return result.data;
    const unknown = result.error.issues.filter((issue) => issue.code === 'unrecognized_keys');
    if (unknown.length === 0 || round === MAX_ROUNDS) throw unreadable(object, result.error.issues);
    known = structuredClone(known);
    for (const { path, keys } of unknown) {
      const holder = path.reduce<unknown>((inner, part) => Reflect.get(Object(inner), part), known);
      for (const key of keys) Reflect.deleteProperty(Object(holder), key);
    }
  }
}

function unreadable(object: unknown, issues: readonly z.core.$ZodIssue[]): UnreadableResource {
  const head = z
    .object({ kind: z.string(), metadata: z.object({ namespace: z.string().default('?'), name: z.string() }) })
    .safeParse(object);
  const what = head.success
    ? `${head.data.kind} ${head.data.metadata.namespace}/${head.data.metadata.name}`
    : 'an object without kind and name';
  return new UnreadableResource(
    what,
    issues.map(({ path, message }) => ({ field: path.map(String).join('.') || 'the object', message })),
  );
}
