import type { VaultSettings } from '../keys/index.ts';
import type { ObjectApi } from '../kube/index.ts';
import type { Clock, Logger, Metrics } from '../telemetry/index.ts';
import type { ImageSettings } from './children/image-settings.ts';
import type { WatchRegistry } from './registries/connection.ts';
import type { TicketKeyTimes } from './ticket-keys/decide.ts';
import type { TlsTimes } from './tls/times.ts';

export interface OperatorOptions extends ImageSettings {
  readonly api: ObjectApi;
  /** The operator's own namespace: its Lease is there. */
  readonly namespace: string;
  /** Its ServiceAccount in that namespace. */
  readonly serviceAccount: string;
  /** Of registries: made and given its rights by whoever installed the product, in each namespace of a Relay. */
  readonly registryServiceAccount: string;
  /** What the workspace container runs in when an executor has no template; our own image unless given. */
  readonly workspaceImage?: string | undefined;
  readonly leaseName: string;
  /** Unique to this process. */
  readonly identity: string;
  /** `/livez`, `/readyz`, `/metrics`. */
  readonly admin?: { readonly host: string; readonly port: number } | undefined;
  /** The way to registries' internal API. Without one nothing is known of sessions. */
  readonly watchRegistry?: WatchRegistry | undefined;
  /** Where keys lie. Absent: in the Secrets that sidecars mount, and nowhere else. */
  readonly vault?: VaultSettings | undefined;
  /** The admission policy that lets nobody ask for a key in another's name, and its binding. Absent: who asks is a claim. */
  readonly keysPolicy?: string | undefined;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock?: Clock;
  readonly tlsTimes?: TlsTimes;
  readonly ticketKeyTimes?: TicketKeyTimes;
}

export interface RunningOperator {
  readonly adminUrl: string | undefined;
  /** Resolves with the reason when a part of the operator failed, which is a bug: the process should end and be started again. */
  readonly stopped: Promise<string>;
  /** Finishes what is being done, gives the Lease back, ends. */
  close(): Promise<void>;
}
