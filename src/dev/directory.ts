import { type KeysRecord, statusOf } from '../keys/index.ts';
import type { DirectoryFile } from '../registry/index.ts';
import type { Plan, PlannedEnvironment } from './manifests/plan.ts';
import type { IssuedToken } from './state/tokens.ts';

/** Two while one is changed for the other: what the registry takes. */
const MAX_EXECUTOR_TOKENS = 2;

/** What is known of one executor besides its manifest. */
export interface ExecutorFacts {
  /** Of the process pair that runs now; absent for `External`, whose incarnation is whoever joins. */
  readonly incarnation?: string;
  readonly executorTokenSha256: readonly string[];
  /** Undefined: its keys are its own (`External`), or were not looked at yet. */
  readonly record: KeysRecord | undefined;
}

/** The registry's directory file for this plan. Pure. */
export function directoryOf(
  plan: Plan,
  facts: ReadonlyMap<string, ExecutorFacts>,
  tokensOf: (identity: string) => readonly IssuedToken[],
): DirectoryFile {
  return {
    version: 1,
    environments: plan.environments.flatMap((environment) => {
      const known = facts.get(environment.id);
      return known === undefined ? [] : [environmentOf(environment, known)];
    }),
    identities: plan.identities.map((name) => ({
      name,
      tokens: tokensOf(name).map(({ sha256, expiresAt }) => ({
        sha256,
        expirationTime: new Date(expiresAt).toISOString(),
      })),
    })),
    grants: plan.grants.map(({ name, identities, environments, expirationTime }) => ({
      name,
      identities: [...identities],
      environments: [...environments],
      ...(expirationTime !== undefined && { expirationTime }),
    })),
  };
}

function environmentOf(
  { id, runtime, labels }: PlannedEnvironment,
  { incarnation, executorTokenSha256, record }: ExecutorFacts,
): DirectoryFile['environments'][number] {
  return {
    id,
    runtime,
    ...(incarnation !== undefined && { incarnation }),
    executorTokenSha256: executorTokenSha256.slice(0, MAX_EXECUTOR_TOKENS),
    keys: record === undefined ? [] : keysOf(record),
    labels: { ...labels },
  };
}

/** What registries of a cluster read in `status.keys`: a key that is recorded and not made yet has no fingerprint to refuse or accept. */
function keysOf(record: KeysRecord): DirectoryFile['environments'][number]['keys'] {
  return statusOf(record).keys.flatMap(({ id, state, fingerprint }) => {
    return state === 'Pending' || fingerprint === undefined ? [] : [{ id, state, fingerprint }];
  });
}

export function clientHolder(identity: string): string {
  return `client ${identity}`;
}

export function registrationHolder(environmentId: string): string {
  return `registration ${environmentId}`;
}

/** Every holder of a token that this plan knows; tokens of others end with their manifests. */
export function holdersOf(plan: Plan): Set<string> {
  const external = plan.environments.filter(({ runtime }) => runtime === 'External');
  return new Set([...plan.identities.map(clientHolder), ...external.map(({ id }) => registrationHolder(id))]);
}
