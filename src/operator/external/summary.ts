import { type ExecutorStatus, READY, REASONS } from '../../api/index.ts';
import type { Finding } from '../conditions/conditions.ts';
import { acceptedFinding, type Stall, stallFindings } from '../namespaces/decide.ts';
import type { ServedExecutor } from '../own-kinds.ts';
import type { HostPresence } from './host.ts';

export interface ObservedExternal {
  readonly executor: Pick<ServedExecutor, 'metadata' | 'spec'>;
  /** What a human must mend: the Secret that the spec names. */
  readonly stall: Stall | undefined;
  /** Undefined: the Relay has not said where it is. */
  readonly registryUrl: string | undefined;
  readonly presence: HostPresence;
  readonly status: NonNullable<ExecutorStatus['external']>;
}

/** All conditions of an `External` executor that was taken on: it has neither key nor pod of ours. */
export function summariseExternal(observed: ObservedExternal): Finding[] {
  const { stall } = observed;
  return [
    { ...readyFinding(observed), type: READY },
    ...(stall === undefined ? [] : stallFindings(stall)),
    acceptedFinding(undefined),
  ];
}

function readyFinding(observed: ObservedExternal): Omit<Finding, 'type'> {
  const { executor, stall, registryUrl, presence, status } = observed;
  if (stall !== undefined) return { status: 'False', reason: REASONS.Stalled, message: stall.message };
  if (executor.spec.operatingMode === 'Suspended') return SUSPENDED;
  if (registryUrl === undefined) {
    return { status: 'Unknown', reason: REASONS.RelayNotReady, message: 'The Relay has no addresses yet.' };
  }
  switch (presence) {
    case 'present': {
      const message = `A host with key ${status.fingerprint ?? 'unknown'} is registered.`;
      return { status: 'True', reason: REASONS.Registered, message };
    }
    case 'absent':
      return { status: 'Unknown', reason: REASONS.WaitingForHost, message: waiting(observed) };
    case 'unheard': {
      const message = 'No registry can be asked whether a host is there: see RegistriesReady of the Relay.';
      return { status: 'Unknown', reason: REASONS.RegistryUnreachable, message };
    }
    default:
      return presence satisfies never;
  }
}

/** The command that mends it; the token comes from its Secret as a file, never as an argument. */
function waiting({ executor, registryUrl, status }: ObservedExternal): string {
  const { namespace, name } = executor.metadata;
  const gone =
    status.fingerprint === undefined ? 'No host has joined.' : `The host with key ${status.fingerprint} is away.`;
  return (
    `${gone} With the token of Secret ${status.registrationTokenSecretName} in a file, there: ` +
    `noisefleet join ${namespace}/${name} --registry ${registryUrl} --token-file FILE -- codex exec-server`
  );
}

const SUSPENDED: Omit<Finding, 'type'> = {
  status: 'False',
  reason: REASONS.Suspended,
  message: 'spec.operatingMode is Suspended: no host may register. Set it to Running to go on.',
};
