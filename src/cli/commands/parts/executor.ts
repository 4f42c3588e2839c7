import { Command, Option } from 'commander';
import { caFileFlag, flag, type Listen, urlOf } from '../../flags.ts';
import { serve, withServiceFlags } from '../../serve.ts';

interface ExecutorFlags {
  readonly environmentId: string;
  readonly registryUrl: string;
  readonly tokenFile: string;
  readonly caFile?: string;
  readonly keysDir: string;
  readonly keysGroupReadable: boolean;
  readonly stateDir: string;
  readonly execServerUrl: string;
  readonly execServerDigestFile?: string;
  readonly sandbox: 'container' | 'enforce';
  readonly runtime: 'BuiltIn' | 'Codex';
  readonly adminListen?: Listen;
  readonly logLevel: string;
  readonly exitOnStdinClose: boolean;
}

export function executorCommand(): Command {
  const command = new Command('executor')
    .description('The sidecar of an executor: holds its keys and sessions, and forwards to an exec-server on loopback.')
    .addOption(flag('--environment-id <id>', 'which environment this is').makeOptionMandatory())
    .addOption(
      flag('--registry-url <url>', 'where to register').argParser(urlOf('http', 'https')).makeOptionMandatory(),
    )
    .addOption(caFileFlag())
    .addOption(flag('--token-file <file>', 'what proves this executor; read again for each call').makeOptionMandatory())
    .addOption(flag('--keys-dir <directory>', 'k1.json, k2.json, …; followed').makeOptionMandatory())
    .addOption(
      new Option('--keys-group-readable', 'take key files that the group can read, as in a Secret volume').default(
        false,
      ),
    )
    .addOption(flag('--state-dir <directory>', 'sessions and the exec-server’s token; private').makeOptionMandatory())
    .addOption(flag('--exec-server-url <url>', 'ws://127.0.0.1:PORT').argParser(urlOf('ws')).makeOptionMandatory())
    .addOption(
      flag(
        '--exec-server-digest-file <file>',
        'where the exec-server finds the SHA-256 of its token (default: in the state directory)',
      ),
    )
    .addOption(
      flag('--sandbox <mode>', 'what sandbox requests mean here')
        .choices(['container', 'enforce'])
        .default('container'),
    )
    .addOption(flag('--runtime <type>', 'which exec-server it is').choices(['BuiltIn', 'Codex']).default('BuiltIn'))
    .addHelpText(
      'after',
      '\nExample:\n  $ noisefleet executor --environment-id default_demo --registry-url http://127.0.0.1:8080 \\\n      --token-file token --keys-dir keys --state-dir state --exec-server-url ws://127.0.0.1:8090',
    );
  return withServiceFlags(command, { adminDefault: '127.0.0.1:9082' }).action(async (flags: ExecutorFlags) => {
    const { startExecutor } = await import('../../../executor/index.ts');
    await serve({
      component: 'executor',
      ...flags,
      start: (telemetry) =>
        startExecutor({
          ...flags,
          allowGroupReadableKeys: flags.keysGroupReadable,
          ...(flags.adminListen && { admin: flags.adminListen }),
          ...telemetry,
        }),
    });
  });
}
