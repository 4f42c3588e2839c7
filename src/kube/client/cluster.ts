import type { Clock, Metrics } from '../../telemetry/index.ts';
import type { ObjectApi } from './api.ts';
import { clientMetrics } from './client-metrics.ts';
import { CachedCredentials } from './credentials.ts';
import { type KubeconfigOptions, readKubeconfig } from './kubeconfig.ts';
import { RestApi } from './rest-api.ts';
import { UndiciTransport } from './undici-transport.ts';

export interface ClusterOptions extends KubeconfigOptions {
  readonly clock: Clock;
  readonly metrics?: Metrics;
  /** `<program>/<version>`: shows in the server's audit log. */
  readonly userAgent?: string;
}

export interface Cluster {
  readonly api: ObjectApi;
  /** The API server's URL. */
  readonly server: string;
  /** Of the context, or of the pod; `default` when neither says. */
  readonly namespace: string;
  /** Ends every request and watch. */
  close(): Promise<void>;
}

/** Reads the kubeconfig or the pod's ServiceAccount; connects at the first request. Throws a `KubeconfigError`. */
export async function connectToCluster(options: ClusterOptions): Promise<Cluster> {
  const { clock, metrics, userAgent = 'noisefleet' } = options;
  const { server, namespace, source } = await readKubeconfig(options);
  const transport = new UndiciTransport({ server, credentials: new CachedCredentials(source, clock), userAgent });
  const host = new URL(server).host;
  const api = new RestApi({
    transport,
    clock,
    metrics: metrics === undefined ? undefined : clientMetrics(metrics, host),
  });
  return { api, server, namespace, close: () => transport.close() };
}
