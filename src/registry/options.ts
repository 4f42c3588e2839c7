import type { Clock, Logger, Metrics } from '../telemetry/index.ts';
import type { Directory } from './directory/directory.ts';
import type { RegistryLimits } from './limits/limits.ts';
import type { PeerProofs } from './peer-proofs.ts';

interface Address {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface RegistryOptions extends Address {
  /** Where `/livez`, `/readyz` and `/metrics` are served; not at all when it is missing. */
  readonly admin?: Address | undefined;
  /** Base URL under which executors and harnesses reach the relays: `ws://` or `wss://`. */
  readonly relayUrl: string;
  /** A directory file to follow, or another source of the same answers. */
  readonly directory: { readonly file: string } | { readonly source: Directory };
  /** Private keys that sign tickets (mode 0600). */
  readonly ticketKeysFile: string;
  /** Their files belong to root and are readable by the pod's group, as those of Secret volumes do. */
  readonly ticketKeysGroupReadable?: boolean;
  /** A shared secret of at least 16 characters (white space around it is ignored) that relays show, or another proof of them. */
  readonly presence: { readonly secretFile: string } | { readonly proofs: PeerProofs };
  /** Folder with `tls.crt` and `tls.key`, followed; plain HTTP when it is missing. */
  readonly tlsFolder?: string | undefined;
  /** PEM certificates to trust in place of the system's, for relays that are probed; followed. */
  readonly caFile?: string | undefined;
  /** Requests that name this host are answered with a relay URL of their own: callers from outside the cluster. */
  readonly external?: { readonly registryHost: string; readonly relayUrl: string } | undefined;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly limits?: Partial<RegistryLimits>;
  /**
   * What relays know this replica by: its own, since a relay is in presence once at each. The same over restarts, so that a new life replaces
   * the denies of the one before; made from machine, host and port when missing.
   */
  readonly registryId?: string;
  /** Relays whose snapshot makes the picture whole, asked at each snapshot; 1 unless given. */
  readonly expectedRelays?: () => number;
}

export interface RunningRegistry {
  /** Base URL of the API. */
  readonly url: string;
  readonly adminUrl: string | undefined;
  close(): Promise<void>;
}

/** The registry cannot start with what it was given; the message says what to mend. */
export class RegistryStartError extends Error {
  readonly code: 'relay_url' | 'presence_secret';
  readonly step = 'start the registry';

  constructor(code: RegistryStartError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RegistryStartError';
    this.code = code;
  }
}
