import { hostname } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import type { RegistryOptions } from '../../../registry/index.ts';
import type { Logger, Metrics } from '../../../telemetry/index.ts';
import { UsageError } from '../../exit.ts';
import { caFileFlag, flag, type Listen, urlOf } from '../../flags.ts';
import { listenFlag, type Service, serve, withServiceFlags } from '../../serve.ts';

interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

interface RegistryFlags {
  readonly listen: Listen;
  readonly adminListen?: Listen;
  readonly relayUrl: string;
  readonly directoryFile?: string;
  readonly presenceSecretFile?: string;
  readonly relayRef?: ObjectName;
  readonly operatorServiceAccount?: ObjectName;
  readonly externalRegistryHost?: string;
  readonly externalRelayUrl?: string;
  readonly ticketKeysFile: string;
  readonly tlsDir?: string;
  readonly caFile?: string;
  readonly logLevel: string;
  readonly exitOnStdinClose: boolean;
}

interface Telemetry {
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export function registryCommand(): Command {
  const command = new Command('registry')
    .description('Serve register, connect and validate: who is there, under which key, and who may connect.')
    .addOption(listenFlag('where executors, harnesses and relays connect', '127.0.0.1:8080'))
    .addOption(
      flag('--relay-url <url>', 'base URL of the relays that is handed out')
        .argParser(urlOf('ws', 'wss'))
        .makeOptionMandatory(),
    )
    .addOption(flag('--directory-file <file>', 'on one machine: environments, identities and grants; followed'))
    .addOption(
      flag('--presence-secret-file <file>', 'on one machine: what relays and who runs them prove themselves with'),
    )
    .addOption(
      flag('--relay-ref <namespace/name>', 'in a cluster: the Relay that this registry serves').argParser(parseName),
    )
    .addOption(
      flag('--operator-service-account <namespace/name>', 'in a cluster: who may ask the internal API').argParser(
        parseName,
      ),
    )
    .addOption(flag('--ticket-keys-file <file>', 'private keys that sign tickets; followed').makeOptionMandatory())
    .addOption(caFileFlag())
    .addOption(flag('--tls-dir <folder>', 'serve TLS with tls.crt and tls.key of it; followed'))
    .addOption(flag('--external-registry-host <name>', 'callers that name this host get the external relay URL'))
    .addOption(flag('--external-relay-url <url>', 'base URL of the relays for them').argParser(urlOf('ws', 'wss')))
    .addHelpText(
      'after',
      '\nExample:\n  $ noisefleet registry --listen 127.0.0.1:8080 --relay-url ws://127.0.0.1:8081 \\\n      --directory-file directory.json --ticket-keys-file ticket-keys.json --presence-secret-file presence-secret',
    );
  return withServiceFlags(command, { adminDefault: '127.0.0.1:9080' }).action(async (flags: RegistryFlags) => {
    const { relayRef } = flags;
    if (relayRef === undefined) {
      const start = onOneMachine(flags);
      return serve({ component: 'registry', ...flags, start });
    }
    return serve({ component: 'registry', ...flags, start: (telemetry) => startInCluster(flags, relayRef, telemetry) });
  });
}

function commonOptions(flags: RegistryFlags) {
  const { externalRegistryHost, externalRelayUrl } = flags;
  return {
    ...flags.listen,
    admin: flags.adminListen,
    relayUrl: flags.relayUrl,
    ticketKeysFile: flags.ticketKeysFile,
    tlsFolder: flags.tlsDir,
    caFile: flags.caFile,
    external:
      externalRegistryHost !== undefined && externalRelayUrl !== undefined
        ? { registryHost: externalRegistryHost, relayUrl: externalRelayUrl }
        : undefined,
  } satisfies Partial<RegistryOptions>;
}

/** @throws UsageError */
function onOneMachine(flags: RegistryFlags): (telemetry: Telemetry) => Promise<Service> {
  const { directoryFile, presenceSecretFile } = flags;
  if (directoryFile === undefined || presenceSecretFile === undefined) {
    throw new UsageError('give --directory-file and --presence-secret-file, or --relay-ref in a cluster');
  }
  return async (telemetry) => {
    const { startRegistry } = await import('../../../registry/index.ts');
    const directory = { file: directoryFile };
    return startRegistry({
      ...commonOptions(flags),
      directory,
      presence: { secretFile: presenceSecretFile },
      ...telemetry,
    });
  };
}

async function startInCluster(flags: RegistryFlags, relay: ObjectName, telemetry: Telemetry): Promise<Service> {
  const [{ openCluster, startRegistry }, { connectToCluster }, { systemClock }] = await Promise.all([
    import('../../../registry/index.ts'),
    import('../../../kube/index.ts'),
    import('../../../telemetry/index.ts'),
  ]);
  const clock = systemClock;
  const connection = await connectToCluster({ clock, metrics: telemetry.metrics, userAgent: 'noisefleet-registry' });
  const { operatorServiceAccount } = flags;
  const cluster = await openCluster({ api: connection.api, relay, operatorServiceAccount, clock, ...telemetry });
  const registry = await startRegistry({
    ...commonOptions(flags),
    // A pod's name is its own: relays tell the replicas apart by it.
    registryId: hostname(),
    ticketKeysGroupReadable: true,
    directory: { source: cluster.directory },
    presence: { proofs: cluster.proofs },
    expectedRelays: cluster.expectedRelays,
    ...telemetry,
  });
  return {
    async close() {
      await registry.close();
      await cluster.close();
      await connection.close();
    },
  };
}

function parseName(text: string): ObjectName {
  const match = /^([a-z0-9-]{1,63})\/([a-z0-9.-]{1,253})$/.exec(text);
  const [, namespace, name] = match ?? [];
  if (namespace === undefined || name === undefined) throw new InvalidArgumentError('Write NAMESPACE/NAME.');
  return { namespace, name };
}
