import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { caFileFlag, collect, flag, type Listen, urlOf } from '../../flags.ts';
import { controlSocketFlag } from '../../relay/control-socket.ts';
import { relayDrainCommand } from '../../relay/drain-command.ts';
import { relayStatusCommand } from '../../relay/status-command.ts';
import { listenFlag, serve, withServiceFlags } from '../../serve.ts';

interface RelayFlags {
  readonly listen: Listen;
  readonly adminListen?: Listen;
  readonly registryUrl: string[];
  readonly presenceSecretFile: string;
  readonly tlsDir?: string;
  readonly caFile?: string;
  readonly drainTime?: number;
  readonly controlSocket?: string;
  readonly logLevel: string;
  readonly exitOnStdinClose: boolean;
}

export function relayCommand(): Command {
  const command = new Command('relay')
    .description('Forward frames between harnesses and executors. A relay reads none of them and holds no key.')
    .addOption(listenFlag('where harnesses and executors connect', '127.0.0.1:8081'))
    .addOption(
      flag('--registry-url <url>', 'a registry that learns who is present here; repeat for each')
        .argParser(collect(urlOf('http', 'https')))
        .makeOptionMandatory(),
    )
    .addOption(flag('--presence-secret-file <file>', 'what proves this relay to the registries').makeOptionMandatory())
    .addOption(caFileFlag())
    .addOption(flag('--tls-dir <folder>', 'serve TLS with tls.crt and tls.key of it; followed'))
    .addOption(
      flag(
        '--drain-time <seconds>',
        'at its end, wait so long for a quiet moment of each stream (default: 60s); then 10 s to close',
      ).argParser(parseSeconds),
    )
    .addOption(controlSocketFlag('a socket file on which it answers "relay status" and "relay drain" (default: none)'))
    // A flag after "status" is of "status".
    .enablePositionalOptions()
    .addCommand(relayStatusCommand())
    .addCommand(relayDrainCommand())
    .addHelpText(
      'after',
      '\nExample:\n  $ noisefleet relay --listen 127.0.0.1:8081 --registry-url http://127.0.0.1:8080 --presence-secret-file presence-secret',
    );
  return withServiceFlags(command, { adminDefault: '127.0.0.1:9081' }).action(async (flags: RelayFlags) => {
    const { startRelay } = await import('../../../relay/index.ts');
    await serve({
      component: 'relay',
      ...flags,
      start: (telemetry) =>
        startRelay({
          ...flags.listen,
          ...(flags.adminListen && { admin: flags.adminListen }),
          registryUrls: flags.registryUrl,
          tlsFolder: flags.tlsDir,
          caFile: flags.caFile,
          controlSocket: flags.controlSocket,
          limits: flags.drainTime === undefined ? {} : { drainMs: flags.drainTime },
          presenceSecret: async () => (await readFile(flags.presenceSecretFile, 'utf8')).trim(),
          ...telemetry,
        }),
    });
  });
}

/** Milliseconds. */
function parseSeconds(text: string): number {
  const [, seconds] = /^(\d{1,3})s$/.exec(text) ?? [];
  if (seconds === undefined) throw new InvalidArgumentError('Write whole seconds, such as 60s; 0s waits for nothing.');
  return Number(seconds) * 1_000;
}
