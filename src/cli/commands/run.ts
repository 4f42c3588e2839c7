import { Command } from 'commander';
import { type Harness, startConnector } from '../../harness/index.ts';
import { createLogger } from '../../telemetry/index.ts';
import { runChild } from '../agent/child.ts';
import { givenDirectory, withWorkspace } from '../agent/codex-arguments.ts';
import { harnessVariables, loopbackEnvironment } from '../agent/loopback-environment.ts';
import { Refusals } from '../agent/refusals.ts';
import { makeWorkspace } from '../agent/workspace.ts';
import { openHarness } from '../client/open-harness.ts';
import type { Connection } from '../connection/connection.ts';
import { findConnection } from '../connection/find-connection.ts';
import { type ConnectionFlags, withConnectionFlags } from '../connection/flags.ts';
import { logLevelFlag } from '../flags.ts';

interface RunFlags extends ConnectionFlags {
  readonly workspace?: string;
  readonly quiet: boolean;
  readonly logLevel: string;
}

export function runCommand(): Command {
  const command = new Command('run')
    .description('Run a coding agent here whose commands run on an executor. Its credential is renewed while it runs.')
    .argument('<environment>', 'demo, default/demo or default_demo')
    .argument('<command...>', 'after --: the agent and its arguments')
    .option('--workspace <path>', 'where it works, the same path here and there; the executor’s workspace by default')
    .option('-q, --quiet', 'say nothing but errors', false)
    .addOption(logLevelFlag('silent'))
    .addHelpText(
      'after',
      '\nAny program gets the three CODEX_EXEC_SERVER_NOISE_* variables and NOISEFLEET_WORKSPACE; codex gets -C as well.\n\nExample:\n  $ noisefleet run demo -- codex exec "fix the failing tests"',
    )
    .action(runAgent);
  return withConnectionFlags(command);
}

async function runAgent(environment: string, argv: readonly string[], flags: RunFlags): Promise<void> {
  const connection = await findConnection(environment, 'harness', flags);
  const tell = (line: string) => process.stderr.write(`${line}\n`);
  // The whole way once, before the agent meets it: it would only say that no environment is available.
  const workspace = await tryTheWay(connection, flags, flags.quiet ? () => {} : tell);
  if (givenDirectory(argv) === undefined) await makeWorkspace(workspace);
  const refusals = new Refusals({ attempt: connection, mayInterrupt: !process.stdout.isTTY, tell });
  const { environmentId, registryUrl, credential, remoteKeys, trust } = connection;
  const connector = await startConnector({
    role: 'harness',
    environmentId,
    registryUrl,
    credential,
    remoteKeys,
    ...(trust && { trust }),
    logger: createLogger({ component: 'connector', level: flags.logLevel }),
    onEvent: (event) => refusals.take(event),
  });
  try {
    const variables = harnessVariables(connector.url, environmentId, connector.token);
    const env = loopbackEnvironment(process.env, { ...variables, NOISEFLEET_WORKSPACE: workspace });
    process.exitCode = await runChild({ argv: withWorkspace(argv, workspace), env });
  } finally {
    refusals.finish();
    await connector.close();
  }
}

/** @returns the workspace path */
async function tryTheWay(connection: Connection, flags: RunFlags, tell: (line: string) => void): Promise<string> {
  const harness: Harness = await openHarness(connection, { tell });
  try {
    return flags.workspace ?? harness.workspace;
  } finally {
    harness.close();
  }
}
