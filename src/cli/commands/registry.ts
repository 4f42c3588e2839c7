import { Command } from 'commander';
import { flag, type Listen, urlOf } from '../flags.ts';
import { listenFlag, serve, withServiceFlags } from '../serve.ts';

interface RegistryFlags {
  readonly listen: Listen;
  readonly adminListen?: Listen;
  readonly relayUrl: string;
  readonly directoryFile: string;
  readonly ticketKeysFile: string;
  readonly presenceSecretFile: string;
  readonly logLevel: string;
  readonly exitOnStdinClose: boolean;
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
    .addOption(flag('--directory-file <file>', 'environments, identities and grants; followed').makeOptionMandatory())
    .addOption(flag('--ticket-keys-file <file>', 'private keys that sign tickets').makeOptionMandatory())
    .addOption(flag('--presence-secret-file <file>', 'what relays prove themselves with').makeOptionMandatory())
    .addHelpText(
      'after',
      '\nExample:\n  $ noisefleet registry --listen 127.0.0.1:8080 --relay-url ws://127.0.0.1:8081 \\\n      --directory-file directory.json --ticket-keys-file ticket-keys.json --presence-secret-file presence-secret',
    );
  return withServiceFlags(command, { adminDefault: '127.0.0.1:9080' }).action(async (flags: RegistryFlags) => {
    const { startRegistry } = await import('../../registry/index.ts');
    await serve({
      component: 'registry',
      ...flags,
      start: (telemetry) =>
        startRegistry({
          ...flags.listen,
          admin: flags.adminListen,
          relayUrl: flags.relayUrl,
          directory: { file: flags.directoryFile },
          ticketKeysFile: flags.ticketKeysFile,
          presence: { secretFile: flags.presenceSecretFile },
          ...telemetry,
        }),
    });
  });
}
