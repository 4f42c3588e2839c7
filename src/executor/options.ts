import type { Clock, Logger, Metrics } from '../telemetry/index.ts';

/** What the workspace container runs behind the sidecar (design §3). */
export type Runtime = 'BuiltIn' | 'Codex';

/** `container`: the pod is the sandbox. `enforce`: the exec-server enforces what the agent asks for, or refuses. */
export type SandboxMode = 'container' | 'enforce';

export interface ExecutorOptions {
  /** `[a-z0-9_-]{1,64}` (our-side §1). */
  environmentId: string;
  /** Base URL, `http:` or `https:`; a path prefix is kept. */
  registryUrl: string;
  /** PEM certificates to trust in place of the system's, for registry and relays; followed. */
  caFile?: string;
  /** The executor's bearer; read again at each use, because projected tokens change. */
  tokenFile: string;
  /** Key files `k1.json`, `k2.json`, …; watched. */
  keysDir: string;
  /** Secret volumes are readable by the pod's group. */
  allowGroupReadableKeys?: boolean;
  /** Private to the sidecar; survives a restart of its container. */
  stateDir: string;
  /** `ws://127.0.0.1:PORT`. */
  execServerUrl: string;
  /** Where the hex SHA-256 of our exec-server token goes; `<stateDir>/exec-server-token.sha256` by default. */
  execServerDigestFile?: string;
  sandbox: SandboxMode;
  runtime: Runtime;
  /** `/livez`, `/readyz`, `/metrics`. */
  admin?: { host: string; port: number };
  logger: Logger;
  metrics?: Metrics;
  clock?: Clock;
}

/** Why a sidecar stopped by itself: another incarnation took its place. Nothing else makes it stop. */
export type StopReason = 'superseded' | 'closed';
