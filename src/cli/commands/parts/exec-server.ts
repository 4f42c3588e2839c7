import { existsSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import type { Logger, Metrics } from '../../../telemetry/index.ts';
import { flag, type Listen, parseListen } from '../../flags.ts';
import { toolsAsFirstProcess, toolsFlag } from '../../install/tools-flag.ts';
import { productVersion } from '../../product-version.ts';
import { type Service, serve, withServiceFlags } from '../../serve.ts';
import { digestIn } from '../../token-digest.ts';

interface ExecServerFlags {
  readonly listen: Listen;
  readonly tokenSha256File: string;
  readonly sandbox: 'container' | 'enforce';
  readonly spillDir?: string;
  readonly workspace?: string;
  readonly tools?: string;
  readonly adminListen?: Listen;
  readonly logLevel: string;
  readonly exitOnStdinClose: boolean;
}

export function execServerCommand(): Command {
  const command = new Command('exec-server')
    .description(
      'Run commands and serve files for the sidecar, on loopback. Whoever has its token can do all that its user can.',
    )
    .addOption(
      flag('--listen <url>', 'ws://127.0.0.1:PORT')
        .argParser(parseListenUrl)
        .default(parseListenUrl('ws://127.0.0.1:8090'), 'ws://127.0.0.1:8090'),
    )
    .addOption(
      flag('--token-sha256-file <file>', 'SHA-256 of the sidecar’s token, in hex; waited for').makeOptionMandatory(),
    )
    .addOption(
      flag('--sandbox <mode>', 'sandbox requests: taken as what the container is, or enforced')
        .choices(['container', 'enforce'])
        .default('container'),
    )
    .addOption(
      flag(
        '--spill-dir <directory>',
        'where output lies that nobody fetched yet (default: in memory, and then commands wait)',
      ),
    )
    .addOption(toolsFlag())
    .addOption(flag('--workspace <directory>', 'where commands start (default: the working directory)'))
    .addHelpText(
      'after',
      '\nExample:\n  $ noisefleet exec-server --listen ws://127.0.0.1:8090 --token-sha256-file state/exec-server-token.sha256',
    );
  return withServiceFlags(command, { adminDefault: 'none' }).action(async (flags: ExecServerFlags) => {
    await serve({ component: 'exec-server', ...flags, start: (telemetry) => start(flags, telemetry) });
  });
}

async function start(flags: ExecServerFlags, telemetry: { logger: Logger; metrics: Metrics }): Promise<Service> {
  const programs = await toolsAsFirstProcess(flags.tools);
  const { IMAGE_SHELL, startExecServer } = await import('../../../exec-server/index.ts');
  const server = await startExecServer({
    ...flags.listen,
    tokenSha256: await digestIn(flags.tokenSha256File),
    sandbox: flags.sandbox,
    spillDirectory: flags.spillDir,
    workspace: flags.workspace,
    // The image's own shell first: it is what the image's variables for loaders were made for.
    shell: existsSync(IMAGE_SHELL) ? undefined : programs.sh,
    mkfifo: programs.mkfifo,
    version: productVersion(),
    ...telemetry,
  });
  if (flags.adminListen === undefined) return server;
  const { startAdminServer } = await import('../../../telemetry/index.ts');
  const admin = await startAdminServer({ ...flags.adminListen, ready: () => undefined, metrics: telemetry.metrics });
  return { close: async () => void (await Promise.all([server.close(), admin.close()])) };
}

/** `ws://HOST:PORT`, as a real `codex exec-server` takes it. */
function parseListenUrl(text: string): Listen {
  const address = /^ws:\/\/([^/]+)\/?$/.exec(text)?.[1];
  if (address === undefined) throw new InvalidArgumentError('Write ws://HOST:PORT, such as ws://127.0.0.1:8090.');
  return parseListen(address);
}
