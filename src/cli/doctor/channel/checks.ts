import { type DoctorCode, isDoctorCode } from '../codes.ts';
import { CHECKS, type Finding, found, resultOf } from '../finding.ts';
import type { Trial } from './trial.ts';

export interface TriedConnection {
  readonly label: string;
  readonly trial: Trial;
  /** What the check of grants found: why a registry says no is written there, for those who may read it. */
  readonly grants: Finding;
}

type Refused = Extract<Trial, { kind: 'refused' }>;

/** The registry's answer, the channel, and one round trip in it. */
export function connectionFindings(tried: TriedConnection): Finding[] {
  const { trial, label } = tried;
  switch (trial.kind) {
    case 'not_tried':
      return [
        found('connect', 'not_tried', trial.why),
        found('channel', 'not_tried', 'it needs the answer of the registry'),
      ];
    case 'refused':
      if (isOfRegistry(trial)) {
        return [refusedByRegistry(trial, tried), found('channel', 'not_tried', 'it needs the yes of the registry')];
      }
      return [allowed(label), channelFailure(trial)];
    case 'attached':
      return [allowed(label), active(trial), roundTrip(trial.roundTripMs)];
    default:
      return trial satisfies never;
  }
}

function isOfRegistry({ step }: Refused): boolean {
  return step === 'connect' || step === 'credential';
}

function allowed(label: string): Finding {
  return found('connect', 'connect_allowed', `the registry lets you connect to ${label}`);
}

/** What to do about each answer of the registry, by its own code (`docs/refusals.md`). */
const TODO: Readonly<Partial<Record<DoctorCode, readonly string[]>>> = {
  token_invalid: [
    'The signature, the issuer or the audience is not what this registry takes, or the ServiceAccount or Pod of the token was deleted.',
    'kubectl create token NAME -n NAMESPACE --audience noisefleet-connect',
    'Is it the registry of the cluster that issued the token?',
  ],
  token_expired: ['Put a new one into the token file; --service-account NAME asks for one each time.'],
  environment_offline: [
    'Its owner sees why in its conditions:  kubectl describe executor NAME',
    'An External one waits for:  noisefleet join NAME -- codex exec-server',
  ],
  not_synced: ['The registry is starting, or cannot reach the API server. Try again in a moment.'],
  rate_limited: [
    'You asked too often, or relays saw too many failed handshakes of yours. Wait as long as the message says.',
  ],
  key_not_pinned: [
    'Do not go on before you know why: ask the owner whether the key was rotated, then pin the new one with --remote-key.',
  ],
};

function refusedByRegistry(trial: Refused, { label, grants }: TriedConnection): Finding {
  const { code, status, message } = trial;
  const answer = status === undefined ? code : `${status} ${code}`;
  if (code === 'not_authorized') return notAuthorized(label, answer, grants);
  if (code === 'credential_unavailable') return found('connect', 'not_tried', message);
  if (isDoctorCode(code)) return found('connect', code, `${answer}: ${message}`, ...(TODO[code] ?? []));
  return found(
    'connect',
    'connect_failed',
    `${answer}: ${message}`,
    'docs/refusals.md has every answer of a registry.',
  );
}

/** One answer for everything, so that nobody learns names: what the check of grants may know is what tells them apart. */
function notAuthorized(label: string, answer: string, grants: Finding): Finding {
  const says = `${answer}: you may not connect to ${label}, or it does not exist`;
  const result = resultOf(grants);
  if (result === 'failure')
    return found('connect', 'not_authorized', says, `Why stands above, under ${CHECKS.grants}.`);
  if (result === 'unknown') {
    return found(
      'connect',
      'not_authorized',
      says,
      'No grant names you, the one that did has ended, or it selects other executors: the registry tells these apart to nobody.',
      'Its owner does, who may read grants, with the same command. Ask for an ExecutorGrant that names you.',
    );
  }
  return found(
    'connect',
    'not_authorized',
    says,
    'A grant does let you in: this registry has not heard of it, or does not serve this executor.',
    'Is it the registry of the Relay that spec.relayRef names? Is the Executor Accepted?',
  );
}

function channelFailure({ code, status, message, step }: Refused): Finding {
  const says = `${status === undefined ? code : `${status} ${code}`}: ${message}`;
  if (code === 'executor_credential_rejected') {
    return found(
      'channel',
      'executor_credential_rejected',
      says,
      'The registry refuses the executor’s own token: look at the log of its container noisefleet-sidecar.',
    );
  }
  if (step === 'relay') {
    return found(
      'channel',
      'relay_failed',
      says,
      'The address of the relay is in the answer of the registry. Is it reachable from here, and its certificate signed by the same CA?',
      'Is its Relay Ready?  kubectl get relays -A',
    );
  }
  return found(
    'channel',
    'handshake_failed',
    says,
    'The executor did not open the channel: look at the log of its container noisefleet-sidecar, by audit id.',
    'It says no when a grant ended since the registry said yes, and when its key was replaced: try again once.',
  );
}

function active({ diagnostics }: Extract<Trial, { kind: 'attached' }>): Finding {
  const { relayHost, traffic } = diagnostics;
  const frames = traffic.framesSent + traffic.framesReceived;
  const kilobytes = ((traffic.bytesSent + traffic.bytesReceived) / 1000).toFixed(1);
  return found(
    'channel',
    'channel_active',
    `active through ${relayHost}, which saw ${frames} frames, ${kilobytes} kB, all ciphertext`,
  );
}

function roundTrip(milliseconds: number | undefined): Finding {
  if (milliseconds !== undefined)
    return found('round_trip', 'round_trip_done', `${milliseconds} ms to the executor and back`);
  return found(
    'round_trip',
    'round_trip_failed',
    'the executor opened a session and did not answer its first request',
    'Look at the log of its containers noisefleet-sidecar and workspace.',
  );
}
