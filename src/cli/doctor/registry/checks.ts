import { type Finding, found } from '../finding.ts';
import { spanOf } from '../span.ts';
import type { RegistryProbe, TlsFacts } from './probe.ts';

/** A leaf of the operator's own CA is renewed weeks before; one that ends within a day is not renewed by anybody. */
const ENDS_SOON_MS = 86_400_000;
/** What registries and relays allow between two clocks; a ticket lives 60 s. */
const CLOCK_TOLERANCE_MS = 5_000;
/** The Date header has whole seconds: on average half of one is missing. */
const HALF_A_SECOND_MS = 500;

export interface ProbedRegistry {
  readonly url: string;
  readonly probe: RegistryProbe;
  readonly now: number;
}

/** Address, certificate and clock, as far as the probe got. */
export function registryFindings(probed: ProbedRegistry): Finding[] {
  const { probe } = probed;
  if (probe.kind === 'unreachable') return [unreachable(probed.url, probe.problem)];
  return [answers(probed.url, probe), certificate(probed, probe.tls), ...clock(probe)];
}

type Answered = Extract<RegistryProbe, { kind: 'answered' }>;

function unreachable(url: string, problem: string): Finding {
  const { hostname } = new URL(url);
  if (problem === 'ENOTFOUND' || problem === 'EAI_AGAIN') {
    return found(
      'registry',
      'registry_not_found',
      `no address is known for ${hostname}`,
      'Check the name. One that ends in .svc is known only inside of its cluster: outside use the External address of the Relay:',
      'kubectl get relay NAME -o jsonpath={.status.addresses}',
    );
  }
  return found(
    'registry',
    'registry_unreachable',
    `${url} does not answer: ${problem}`,
    'Is its Relay Ready?  kubectl get relays -A',
    'On this machine:  noisefleet dev',
    'In between may be a firewall, a proxy or a NetworkPolicy: registries listen on the port of this URL.',
  );
}

function answers(url: string, { isRegistry, status, sentAt, receivedAt }: Answered): Finding {
  if (isRegistry) return found('registry', 'registry_answers', `${url} answers in ${receivedAt - sentAt} ms`);
  return found(
    'registry',
    'not_a_registry',
    `${url} answers ${status}, and not as a registry does`,
    'Check URL and port: status.addresses of the Relay has them. A proxy in between must pass on paths unchanged.',
  );
}

function certificate({ url, now }: ProbedRegistry, tls: TlsFacts | undefined): Finding {
  const { hostname } = new URL(url);
  if (tls === undefined) return plaintext(hostname);
  const { problem, expiresAt, issuer, names } = tls;
  switch (problem) {
    case undefined:
      break;
    case 'CERT_HAS_EXPIRED':
      return found(
        'tls',
        'certificate_expired',
        `the certificate of ${hostname} ended${expiresAt === undefined ? '' : ` ${spanOf(now - expiresAt)} ago`}`,
        'Its Relay says why it was not renewed:  kubectl describe relay NAME',
        'If your clock is wrong, mend that first.',
      );
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return found(
        'tls',
        'certificate_of_another_name',
        `the certificate is not for ${hostname}, but for ${names ?? 'nobody by name'}`,
        'Use a name that it is for, or set spec.external.registryHostname of the Relay.',
      );
    default:
      return found(
        'tls',
        'certificate_untrusted',
        `nothing here vouches for the certificate of ${hostname}, issued by ${issuer ?? 'nobody by name'}: ${problem}`,
        'Give the CA of the Relay with --ca-file:',
        "kubectl get relay NAME -o jsonpath='{.status.addresses[0].caBundle}' > ca.pem",
      );
  }
  const left = expiresAt === undefined ? Number.POSITIVE_INFINITY : expiresAt - now;
  const until = expiresAt === undefined ? '' : `, good for ${spanOf(left)}`;
  const says = `the certificate of ${hostname} is trusted${until}`;
  if (left > ENDS_SOON_MS) return found('tls', 'certificate_trusted', says);
  return found('tls', 'certificate_ends_soon', says, 'Why it is not renewed says:  kubectl describe relay NAME');
}

function plaintext(hostname: string): Finding {
  if (isLoopback(hostname))
    return found('tls', 'plaintext_on_loopback', 'not used, and not needed: it is this machine');
  return found(
    'tls',
    'plaintext',
    `not used: whoever is between here and ${hostname} can read your token`,
    'Use an https:// address of the registry.',
  );
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** Nothing where the answer had no Date: a proxy may have taken it off. */
function clock({ date, sentAt, receivedAt }: Answered): Finding[] {
  if (date === undefined) {
    return [found('clock', 'not_readable', 'the answer has no Date to compare with')];
  }
  const ahead = (sentAt + receivedAt) / 2 - (date + HALF_A_SECOND_MS);
  const uncertain = HALF_A_SECOND_MS + (receivedAt - sentAt) / 2;
  if (Math.abs(ahead) - uncertain <= CLOCK_TOLERANCE_MS)
    return [found('clock', 'clock_agrees', "agrees with the registry's")];
  return [
    found(
      'clock',
      'clock_differs',
      `yours is ${spanOf(ahead)} ${ahead > 0 ? 'ahead of' : 'behind'} the registry's: tickets live for 60 s, and tokens are renewed by your clock`,
      'timedatectl set-ntp true',
    ),
  ];
}
