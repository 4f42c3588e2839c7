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

export interface ReadyEnvironment {
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
  const issue = (holder: string) => {
    const token = tokens.tokenOf(holder, now);
    const expiresAt = tokens.issuedTo(holder)[0]?.expiresAt ?? now;
    return { token, expirationTime: new Date(expiresAt).toISOString() };
  };
  const entries = environments.map(({ id, client, runtime }): [string, ReadyEnvironment] => {
    const forClient = issue(clientHolder(client));
    const forHost = runtime === 'External' ? issue(registrationHolder(id)) : undefined;
    return [
      id,
      {
        clientToken: forClient.token,
        clientTokenExpirationTime: forClient.expirationTime,
        ...(forHost && {
          registrationToken: forHost.token,
          registrationTokenExpirationTime: forHost.expirationTime,
        }),
      },
    ];
  });
  return { pid: process.pid, registry, environments: Object.fromEntries(entries) };
}
