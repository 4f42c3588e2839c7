import { clientHolder, registrationHolder } from './directory.ts';
import type { PlannedEnvironment } from './manifests/plan.ts';
import type { TokenBook } from './state/tokens.ts';

/** What a client on this machine needs, by environment id. Secret: written with mode 0600 and nowhere else. */
export interface ReadyFile {
  readonly pid: number;
  /** Base URL of the registry. */
  readonly registry: string;
  readonly environments: Readonly<Record<string, ReadyEnvironment>>;
}

interface ReadyEnvironment {
  readonly clientToken: string;
  /** RFC 3339. A fresh token stands here well before: clients read the file again for each request. */
  readonly clientTokenExpirationTime: string;
  /** `External` only: what `noisefleet join` registers with. */
  readonly registrationToken?: string;
  readonly registrationTokenExpirationTime?: string;
}

export interface ReadyFacts {
  readonly registry: string;
  readonly environments: readonly PlannedEnvironment[];
  readonly tokens: TokenBook;
  readonly now: number;
}

export function readyFileOf({ registry, environments, tokens, now }: ReadyFacts): ReadyFile {
  const entries = environments.flatMap(({ id, client, runtime }): [string, ReadyEnvironment][] => {
    const forClient = tokens.handOut(clientHolder(client), now);
    const forHost = runtime === 'External' ? tokens.handOut(registrationHolder(id), now) : undefined;
    if (forClient === undefined) return [];
    const entry = {
      clientToken: forClient.token,
      clientTokenExpirationTime: new Date(forClient.expiresAt).toISOString(),
      ...(forHost && {
        registrationToken: forHost.token,
        registrationTokenExpirationTime: new Date(forHost.expiresAt).toISOString(),
      }),
    };
    return [[id, entry]];
  });
  return { pid: process.pid, registry, environments: Object.fromEntries(entries) };
}
