import type { CredentialSource, RemoteKeys } from '../../harness/index.ts';
import type { EnvironmentId, Trust } from '../../wire/index.ts';

/** The way to one environment. */
export interface Connection {
  readonly environmentId: EnvironmentId;
  /** For people: `default/demo`. */
  readonly label: string;
  /** For people, where it is known: `ServiceAccount team-a/dev`. */
  readonly identity?: string;
  readonly registryUrl: string;
  /** Reads the credential anew each time: it is replaced before it expires. */
  readonly credential: CredentialSource;
  /** RFC 3339, where it is known. */
  readonly expirationTime: () => Promise<string | undefined>;
  /** The system's authorities when there is none. */
  readonly trust?: Trust;
  /** Of which the executor's key must be one; an empty list means any. */
  readonly remoteKeys: RemoteKeys;
  /** The id of a key (`k3`) by its fingerprint, where the executor's status could be read. */
  readonly keyId?: (fingerprint: string) => string | undefined;
}
