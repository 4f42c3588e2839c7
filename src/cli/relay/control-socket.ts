import type { Option } from 'commander';
import type { RelayStatus } from '../../relay/index.ts';
import { EXIT } from '../exit.ts';
import { flag } from '../flags.ts';

/** Where the image's relays have it: its environment says the same to them. */
const DEFAULT_CONTROL_SOCKET = '/tmp/noisefleet-relay/control.sock';

/** One flag, and one variable, for the relay and for those who ask it: in a container both know the path without being told. */
export function controlSocketFlag(description: string): Option {
  return flag('--control-socket <file>', description);
}

/** Of the commands that ask a relay. */
export interface ControlFlags {
  readonly controlSocket?: string;
}

export function askedControlSocketFlag(): Option {
  return controlSocketFlag(`the socket file of the relay (default: ${DEFAULT_CONTROL_SOCKET})`);
}

/** Nobody answers there. */
class NoRelayError extends Error {
  override readonly name = 'NoRelayError';
  readonly code = 'no_relay';
  readonly exitCode = EXIT.notReady;
}

/**
 * Asks the relay of this container.
 *
 * @throws NoRelayError
 */
export async function askRelay(
  { controlSocket = DEFAULT_CONTROL_SOCKET }: ControlFlags,
  ask: (path: string) => Promise<RelayStatus>,
): Promise<RelayStatus> {
  try {
    return await ask(controlSocket);
  } catch (cause) {
    const how = `Run this in the relay's container (kubectl exec deploy/RELAY-relay -- noisefleet relay status), or name its --control-socket.`;
    throw new NoRelayError(`no relay answers on ${controlSocket}\n  ${how}`, { cause });
  }
}
