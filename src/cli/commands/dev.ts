import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { isDuration, toMilliseconds } from '../../api/index.ts';
import { EXIT } from '../exit.ts';
import { flag, logLevelFlag, urlOf } from '../flags.ts';
import { stopRequest } from '../serve.ts';

const SAMPLES = fileURLToPath(new URL('../../../config/samples/dev', import.meta.url));
const MAIN = fileURLToPath(new URL('../main.mjs', import.meta.url));

/** Shorter lives are renewed more often than the parts look at their files. Milliseconds. */
const MIN_TOKEN_TTL_MS = 2000;

interface DevFlags {
  readonly stateDir?: string;
  readonly readyFile?: string;
  readonly tokenTtl: number;
  readonly codexBin: string;
  readonly relayPublicUrl?: string;
  readonly logLevel: string;
  readonly demo: boolean;
  readonly exit: boolean;
}

export function devCommand(): Command {
  return new Command('dev')
    .description(
      'Run the whole product on this machine, on loopback, from a folder of manifests. For trying: it isolates nothing.',
    )
    .argument('[folder]', 'manifests of Relay, Executor and ExecutorGrant; changes to them are followed', SAMPLES)
    .addOption(
      flag('--state-dir <directory>', 'where keys, tokens and logs lie (default: noisefleet/dev in XDG_STATE_HOME)'),
    )
    .addOption(flag('--ready-file <file>', 'write the addresses and tokens for clients here too, once all is ready'))
    .addOption(
      flag('--token-ttl <duration>', 'how long client and registration tokens live')
        .argParser(tokenTtl)
        .default(tokenTtl('12h'), '12h'),
    )
    .addOption(flag('--codex-bin <program>', 'the codex that Codex executors run').default('codex'))
    .addOption(
      flag('--relay-public-url <url>', 'hand out this address in place of the relay’s own').argParser(
        urlOf('ws', 'wss'),
      ),
    )
    .option('--demo', 'run one command through the whole path when all is ready', false)
    .option('--exit', 'with --demo: stop everything after it', false)
    .addOption(logLevelFlag())
    .addHelpText('after', '\nExample:\n  $ noisefleet dev config/samples/dev --token-ttl 1h')
    .action(runDev);
}

function tokenTtl(text: string): number {
  if (!isDuration(text) || toMilliseconds(text) < MIN_TOKEN_TTL_MS) {
    throw new InvalidArgumentError(`Write a duration of at least ${MIN_TOKEN_TTL_MS} ms, such as 12h or 90s.`);
  }
  return toMilliseconds(text);
}

async function runDev(folder: string, flags: DevFlags): Promise<void> {
  const { startDev } = await import('../../dev/index.ts');
  const { systemClock } = await import('../../telemetry/index.ts');
  const stopping = new AbortController();
  const stopped = stopRequest().then(() => stopping.abort());
  try {
    const dev = await startDev({
      folder: relative(process.cwd(), folder) || '.',
      ...(flags.stateDir !== undefined && { stateRoot: flags.stateDir }),
      ...(flags.readyFile !== undefined && { readyFile: flags.readyFile }),
      ...(flags.relayPublicUrl !== undefined && { relayPublicUrl: flags.relayPublicUrl }),
      program: [process.execPath, MAIN],
      call: process.env.npm_lifecycle_event === undefined ? 'noisefleet' : 'npm run -s noisefleet --',
      tokenTtl: flags.tokenTtl,
      codex: flags.codexBin,
      demo: flags.demo,
      invite: !flags.exit,
      logLevel: flags.logLevel,
      environment: process.env,
      clock: systemClock,
      signal: stopping.signal,
      print: (line) => process.stdout.write(`${line}\n`),
      warn: (line) => process.stderr.write(`${line}\n`),
    });
    process.on('exit', () => dev.kill()); // a second signal, or a bug: nothing of ours stays behind
    if (!flags.exit) await stopped;
    await dev.close();
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
  }
  process.exit(EXIT.done);
}
