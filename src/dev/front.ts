import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../telemetry/index.ts';
import { createTicketKeysFile } from '../wire/index.ts';
import { type CommandLine, registryCommand, relayCommand } from './processes/commands.ts';
import { type ProcessEvents, SupervisedProcess } from './processes/supervised-process.ts';
import { writeFileAtomic } from './state/atomic-file.ts';
import type { StateLayout } from './state/layout.ts';
import type { PortBook } from './state/ports.ts';

const SECRET_BYTES = 32;

export interface FrontOptions {
  readonly layout: StateLayout;
  readonly line: CommandLine;
  readonly ports: PortBook;
  readonly environment: NodeJS.ProcessEnv;
  /** What the registry hands out in place of the relay's own address: a tunnel in front of it. */
  readonly relayPublicUrl?: string;
  readonly clock: Clock;
  events(name: string, logFile: string): ProcessEvents;
}

/** The front door: one registry and one relay, as `Relay` means them. */
export interface Front {
  readonly registry: SupervisedProcess;
  readonly relay: SupervisedProcess;
  readonly registryUrl: string;
  readonly relayUrl: string;
  readonly registryAdminUrl: string;
  readonly relayAdminUrl: string;
}

/** Prepares ports and secrets. Nothing runs before the processes are started. */
export async function prepareFront(options: FrontOptions): Promise<Front> {
  const { layout, line, ports } = options;
  if (!existsSync(layout.ticketKeysFile)) await createTicketKeysFile(layout.ticketKeysFile);
  writeFileAtomic(layout.presenceSecretFile, randomBytes(SECRET_BYTES).toString('base64url'));
  const at = async (name: string) => `127.0.0.1:${await ports.portOf(name)}`;
  const [registry, registryAdmin] = [await at('registry'), await at('registry admin')];
  const [relay, relayAdmin] = [await at('relay'), await at('relay admin')];
  const relayUrl = `ws://${relay}`;
  const registryUrl = `http://${registry}`;
  const handedOut = options.relayPublicUrl ?? relayUrl;
  const supervised = (name: string, admin: string, command: string[]) => {
    const logFile = join(layout.logs, `${name}.log`);
    const readyUrl = `http://${admin}/readyz`;
    const spec = { name, logFile, readyUrl, env: options.environment, command: async () => command };
    return new SupervisedProcess(spec, options.events(name, logFile), options.clock);
  };
  return {
    registry: supervised(
      'registry',
      registryAdmin,
      registryCommand(line, layout, { listen: registry, admin: registryAdmin, relayUrl: handedOut }),
    ),
    relay: supervised(
      'relay',
      relayAdmin,
      relayCommand(line, layout, { listen: relay, admin: relayAdmin, registryUrl }),
    ),
    registryUrl,
    relayUrl,
    registryAdminUrl: `http://${registryAdmin}`,
    relayAdminUrl: `http://${relayAdmin}`,
  };
}
