import { z } from 'zod';
import { isApiError, type ObjectApi, pods, reviewToken } from '../../kube/index.ts';
import type { ClusterApi, RelayPod, ReviewedToken } from './cluster-api.ts';

/** A call that decides about somebody who waits: longer than this it is the same as no answer. */
const CALL_MS = 4_000;

const configuration = z.object({ issuer: z.string().min(1) });
const jwks = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

/** Every ServiceAccount may read these two (`system:service-account-issuer-discovery`). */
const CONFIGURATION_PATH = '/.well-known/openid-configuration';
const JWKS_PATH = '/openid/v1/jwks';
/** As which the keys are given, and as nothing else. */
const JWKS_TYPE = 'application/jwk-set+json';

/** The registry's few questions, asked of a real API server. */
export function kubeClusterApi(api: ObjectApi): ClusterApi {
  const signal = () => AbortSignal.timeout(CALL_MS);
  return {
    async issuer() {
      const options = { signal: signal() };
      const [found, keys] = await Promise.all([
        api.read(CONFIGURATION_PATH, options),
        api.read(JWKS_PATH, { ...options, accept: JWKS_TYPE }),
      ]);
      return { issuer: configuration.parse(found).issuer, jwks: jwks.parse(keys) };
    },
    async reviewToken(token, audience): Promise<ReviewedToken | undefined> {
      const review = await reviewToken(api, { token, audiences: [audience] }, { signal: signal() });
      const { authenticated, username = '', uid = '', audiences } = review;
      return authenticated ? { username, uid, audiences } : undefined;
    },
    async pod(namespace, name): Promise<RelayPod | undefined> {
      try {
        const { metadata, status } = await api.get(pods, { namespace, name }, { signal: signal() });
        return { uid: metadata.uid, labels: metadata.labels ?? {}, ip: status?.podIP };
      } catch (error) {
        if (isApiError(error, 'NotFound')) return undefined;
        throw error;
      }
    },
  };
}
