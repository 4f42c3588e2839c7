import { REASONS } from '../../api/index.ts';
import { type Secret, secondTime, secrets } from '../../kube/index.ts';
import type { Stall } from '../namespaces/decide.ts';
import type { World } from '../world.ts';
import { readIdentity } from './certificates.ts';
import type { CertificateStatus } from './reconcile.ts';

/** A Secret that a user brought is read by its name and not watched: so often it is looked at whether it was renewed. Milliseconds. */
const LOOK_MS = 300_000;

export interface BroughtCertificate {
  /** Undefined: clients trust it anyway. */
  readonly bundle: string | undefined;
  readonly certificates: readonly CertificateStatus[];
  /** Look again then, in milliseconds. */
  readonly nextTime: number;
}

/** The certificate of a Relay with `spec.tls.type: SecretRef`, or what its owner has to mend. */
export async function readBroughtSecret(
  { api, clock }: Pick<World, 'api' | 'clock'>,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<BroughtCertificate | { readonly stall: Stall }> {
  const secret = await api.find(secrets, { namespace, name }, { signal });
  const where = `${namespace}/${name}`;
  if (secret === undefined) {
    const message = `spec.tls.secretRef: there is no Secret ${where}. Create it with tls.crt and tls.key.`;
    return { stall: { reason: REASONS.SecretNotFound, message } };
  }
  const missing = ['tls.crt', 'tls.key'].filter((key) => secret.data?.[key] === undefined);
  if (missing.length > 0) {
    const message = `spec.tls.secretRef: Secret ${where} has no ${missing.join(' and ')}.`;
    return { stall: { reason: REASONS.SecretInvalid, message } };
  }
  const facts = readIdentity({ certificate: textOf(secret, 'tls.crt'), privateKey: textOf(secret, 'tls.key') });
  if (facts === undefined) {
    const message = `spec.tls.secretRef: tls.crt of Secret ${where} is no certificate in PEM, or tls.key is not its key.`;
    return { stall: { reason: REASONS.SecretInvalid, message } };
  }
  const bundle = secret.data?.['ca.crt'] === undefined ? undefined : textOf(secret, 'ca.crt');
  const { fingerprint, expiresAt } = facts;
  return {
    bundle,
    certificates: [{ name, fingerprint, expirationTime: secondTime(expiresAt) }],
    nextTime: clock.now() + LOOK_MS,
  };
}

function textOf({ data }: Secret, key: string): string {
  return Buffer.from(data?.[key] ?? '', 'base64').toString();
}
