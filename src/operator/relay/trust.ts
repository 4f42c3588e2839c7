import { CERTIFICATES_READY, REASONS, type Reason, type RelayStatus, TICKET_KEYS_READY } from '../../api/index.ts';
import { parseTime, secondTime } from '../../kube/index.ts';
import type { Finding } from '../conditions/conditions.ts';

/** Ours are renewed weeks before: one that is so near its end means that renewing fails, or that the user has to act. Milliseconds. */
export const EXPIRING_MS = 86_400_000;

export interface ObservedCertificates {
  readonly certificates: RelayStatus['certificates'];
  /** How many there are to be. */
  readonly wanted: number;
  readonly type: 'Generated' | 'SecretRef';
  readonly now: number;
}

/** How the certificates stand; `ended`: with one of them nobody gets a connection any more. */
export function certificatesFinding({ certificates, wanted, type, now }: ObservedCertificates): {
  readonly finding: Finding;
  readonly ended: boolean;
  /** When the answer is another one, if nothing is renewed. */
  readonly nextTime: number | undefined;
} {
  const finding = (status: Finding['status'], reason: Reason, message: string): Finding => ({
    ...{ type: CERTIFICATES_READY, status, reason, message },
  });
  const [first] = certificates
    .map(({ name, expirationTime }) => ({ name, end: parseTime(expirationTime) ?? 0 }))
    .toSorted((a, b) => a.end - b.end);
  if (first === undefined || certificates.length < wanted) {
    const pending = finding('Unknown', REASONS.CertificatesPending, 'Certificates are being made.');
    return { finding: pending, ended: false, nextTime: undefined };
  }
  const end = secondTime(first.end);
  if (first.end - EXPIRING_MS > now) {
    const valid = finding('True', REASONS.CertificatesValid, `Certificates are valid; the first ends at ${end}.`);
    return { finding: valid, ended: false, nextTime: first.end - EXPIRING_MS };
  }
  const ended = first.end <= now;
  const mend = type === 'SecretRef' ? 'Renew it there.' : 'Renewing it fails: see the log of the operator.';
  const message = `The certificate in Secret ${first.name} ${ended ? 'ended' : 'ends'} at ${end}. ${mend}`;
  const expiring = finding('False', REASONS.CertificateExpiring, message);
  return { finding: expiring, ended, nextTime: ended ? undefined : first.end };
}

/** What a registry that is watched has loaded; undefined for one that does not say. */
export interface LoadedTicketKeys {
  readonly pod: string;
  readonly ids: readonly string[] | undefined;
}

/** Whether a key signs and everybody who is heard knows it, and the one that will sign next. */
export function ticketKeysFinding(keys: RelayStatus['ticketKeys'], replicas: readonly LoadedTicketKeys[]): Finding {
  const type = TICKET_KEYS_READY;
  if (!keys.some(({ state }) => state === 'Active')) {
    return { type, status: 'Unknown', reason: REASONS.TicketKeysLoading, message: 'No ticket key signs yet.' };
  }
  const needed = keys.filter(({ state }) => state !== 'Retiring').map(({ id }) => id);
  const loading = replicas.filter(({ ids }) => ids !== undefined && needed.some((id) => !ids.includes(id)));
  if (loading.length > 0) {
    const pods = loading.map(({ pod }) => pod).join(', ');
    const message = `The newest ticket key is not loaded yet by ${pods}; the kubelet brings it within two minutes.`;
    return { type, status: 'Unknown', reason: REASONS.TicketKeysLoading, message };
  }
  return {
    type,
    status: 'True',
    reason: REASONS.TicketKeysLoaded,
    message: 'A ticket key signs, and every replica knows it.',
  };
}
