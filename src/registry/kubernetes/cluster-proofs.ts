import { AUDIENCES, LABELS, secretName } from '../../api/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { PeerProofs } from '../peer-proofs.ts';
import type { Authenticator } from './authenticator.ts';
import type { ClusterApi } from './cluster-api.ts';
import type { ServiceAccountToken } from './service-account-token.ts';

export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

export interface ClusterProofsOptions {
  readonly authenticator: Pick<Authenticator, 'authenticate'>;
  readonly api: ClusterApi;
  /** The Relay whose pods may report here. */
  readonly relay: ObjectName;
  /** The only ServiceAccount that the internal API answers; nobody when it is missing. */
  readonly operatorServiceAccount: ObjectName | undefined;
  readonly logger: Logger;
}

/** The ServiceAccount that a Relay's relay pods run as, and nothing else does. */
export function relayServiceAccountOf({ namespace, name }: ObjectName): ObjectName {
  return { namespace, name: secretName({ kind: 'Relay', name }, 'relay') };
}

/** Pods of the Relay by their own ServiceAccount's token, the operator by its own (`design.md` §6). */
export function clusterProofs(options: ClusterProofsOptions): PeerProofs {
  const { authenticator, relay, operatorServiceAccount } = options;
  const serviceAccount = relayServiceAccountOf(relay);
  return {
    async relay(bearer) {
      const proof = await authenticator.authenticate(bearer, AUDIENCES.presence);
      if (proof.outcome === 'withdrawn') return { outcome: 'unknown' };
      if (proof.outcome !== 'proven') return proof;
      return isOf(proof.token, serviceAccount) ? podProof(proof.token, options) : { outcome: 'unknown' };
    },
    async operator(bearer) {
      const proof = await authenticator.authenticate(bearer, AUDIENCES.internal);
      if (proof.outcome === 'withdrawn') return { outcome: 'unknown' };
      if (proof.outcome !== 'proven') return proof;
      const isOperator = operatorServiceAccount !== undefined && isOf(proof.token, operatorServiceAccount);
      return isOperator ? { outcome: 'proven' } : { outcome: 'unknown' };
    },
  };
}

/** The address is the pod's own: whatever stands between us and the pod cannot make us send harnesses elsewhere. */
async function podProof(
  { namespace, pod }: ServiceAccountToken,
  { api, relay, logger }: ClusterProofsOptions,
): ReturnType<PeerProofs['relay']> {
  if (pod === undefined) return { outcome: 'unknown' };
  try {
    const found = await api.pod(namespace, pod.name);
    if (found?.uid !== pod.uid || found.labels[LABELS.relay] !== relay.name) return { outcome: 'unknown' };
    // A pod that serves has an address; one that has none yet dials again in a moment.
    return found.ip === undefined ? { outcome: 'unavailable' } : { outcome: 'proven', ip: found.ip, pod: pod.name };
  } catch (error) {
    logger.warn({ pod: pod.name, err: error }, 'relay pod could not be looked up; its connection is its address');
    return { outcome: 'proven', ip: undefined, pod: pod.name };
  }
}

function isOf(token: ServiceAccountToken, { namespace, name }: ObjectName): boolean {
  return token.namespace === namespace && token.name === name;
}
