import type { ObjectApi } from '../../kube/index.ts';
import type { Clock, Logger, Metrics } from '../../telemetry/index.ts';
import type { Directory } from '../directory/directory.ts';
import type { PeerProofs } from '../peer-proofs.ts';
import { Authenticator } from './authenticator.ts';
import { ClusterDirectory } from './cluster-directory.ts';
import { clusterProofs, type ObjectName } from './cluster-proofs.ts';
import { followCluster } from './cluster-source.ts';
import { IssuerKeys } from './issuer-keys.ts';
import { kubeClusterApi } from './kube-cluster-api.ts';
import { TokenReviews } from './token-reviews.ts';

export interface RegistryClusterOptions {
  readonly api: ObjectApi;
  /** The Relay that this registry belongs to: the trust domain. */
  readonly relay: ObjectName;
  readonly operatorServiceAccount?: ObjectName | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface RegistryCluster {
  readonly directory: Directory;
  readonly proofs: PeerProofs;
  /** Relay replicas that are ready, as the operator counted them. */
  readonly expectedRelays: () => number;
  /** Rejects for a bug in what follows the cluster; never resolves before `close`. */
  readonly running: Promise<void>;
  close(): Promise<void>;
}

/** What a registry in a cluster knows and whom it believes: informers, local token checks, bounded reviews. */
export async function openCluster(options: RegistryClusterOptions): Promise<RegistryCluster> {
  const { relay, operatorServiceAccount, clock, logger, metrics } = options;
  const api = kubeClusterApi(options.api);
  const keys = new IssuerKeys({ api, clock, logger });
  const reviews = new TokenReviews({ api, clock, logger, metrics });
  const authenticator = new Authenticator({ keys, reviews, clock, logger, metrics });
  const directory = new ClusterDirectory({ relay, authenticator, clock });
  const stop = new AbortController();
  await keys.start();
  const running = followCluster({ api: options.api, relay, directory, clock, logger }, stop.signal);
  return {
    directory,
    proofs: clusterProofs({ authenticator, api, relay, operatorServiceAccount, logger }),
    expectedRelays: () => directory.relay?.replicas ?? 1,
    running,
    async close() {
      stop.abort();
      keys.close();
      directory.close();
      await running;
    },
  };
}
