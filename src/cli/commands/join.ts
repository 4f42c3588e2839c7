import { Command } from 'commander';
import { type Connector, type ConnectorEvent, startConnector } from '../../harness/index.ts';
import { createLogger } from '../../telemetry/index.ts';
import { runChild } from '../agent/child.ts';
import { withRegistry } from '../agent/codex-arguments.ts';
import { loopbackEnvironment } from '../agent/loopback-environment.ts';
import { Refusals } from '../agent/refusals.ts';
import { RestartPauses } from '../agent/restart-pauses.ts';
import { explainRefusal } from '../client/refusal.ts';
import { findConnection } from '../connection/find-connection.ts';
import { type ConnectionFlags, withRegistryFlags } from '../connection/flags.ts';
import { logLevelFlag } from '../flags.ts';

interface JoinFlags extends ConnectionFlags {
  readonly logLevel: string;
}

export function joinCommand(): Command {
  const command = new Command('join')
    .description(
      'Let this host be an External executor: runs a real codex exec-server, and runs it again when it ends.',
    )
    .argument('<environment>', 'laptop, default/laptop or default_laptop')
    .argument('<command...>', 'after --: the executor and its arguments')
    .addOption(logLevelFlag('silent'))
    .addHelpText(
      'after',
      '\nAdds --remote and --environment-id, and a CODEX_API_KEY that is good for nothing else.\n\nExample:\n  $ noisefleet join laptop -- codex exec-server',
    )
    .action(runJoin);
  return withRegistryFlags(command);
}

async function runJoin(environment: string, argv: readonly string[], flags: JoinFlags): Promise<void> {
  const { environmentId, registryUrl, credential, trust, label } = await findConnection(environment, 'executor', flags);
  const tell = (line: string) => process.stderr.write(`${line}\n`);
  const refusals = new Refusals({ attempt: { label }, mayInterrupt: false, tell });
  let registered = false;
  const onEvent = (event: ConnectorEvent) => {
    refusals.take(event);
    if (event.type !== 'admitted') return;
    registered = true;
    tell(`registered ${label} (${event.fingerprint}) through ${event.relayHost}`);
  };
  const connector = await startConnector({
    role: 'executor',
    environmentId,
    registryUrl,
    credential,
    ...(trust && { trust }),
    logger: createLogger({ component: 'connector', level: flags.logLevel }),
    onEvent,
  });
  try {
    process.exitCode = await supervise(withRegistry(argv, connector.url, environmentId), connector, {
      tell,
      ended: () => {
        const { standing } = refusals;
        // Refused from the start: nobody gains by asking again. Later it may be mended while we wait.
        if (standing && !registered && (standing.status === 401 || standing.status === 403)) {
          throw explainRefusal(standing, { label });
        }
        refusals.finish();
      },
    });
  } finally {
    await connector.close();
  }
}

interface Supervision {
  tell: (line: string) => void;
  /** Looks at why the child ended; a throw ends the supervision. */
  ended: () => void;
}

/** Runs the executor again and again, until a signal stops us. @returns the last exit code */
async function supervise(argv: readonly string[], { token }: Connector, { tell, ended }: Supervision): Promise<number> {
  const stopped = new AbortController();
  const stop = () => stopped.abort();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop);
  const pauses = new RestartPauses();
  const env = loopbackEnvironment(process.env, { CODEX_API_KEY: token });
  for (;;) {
    const startedAt = performance.now();
    const exitCode = await runChild({ argv, env, onStop: stop });
    if (stopped.signal.aborted) return exitCode;
    ended();
    const pauseMs = pauses.after(performance.now() - startedAt);
    tell(`the executor ended with ${exitCode}; starting it again in ${(pauseMs / 1000).toFixed(1)} s`);
    await pauseOrStop(pauseMs, stopped.signal);
    if (stopped.signal.aborted) return exitCode;
  }
}

function pauseOrStop(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
