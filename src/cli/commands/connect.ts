import { Command } from 'commander';
import { harnessVariables } from '../agent/loopback-environment.ts';
import { findConnection } from '../connection/find-connection.ts';
import { type ConnectionFlags, withConnectionFlags } from '../connection/flags.ts';

/**
 * Codex keeps the registry's reason to itself unless its log is asked for it: without this it says only that no environment is
 * available, with it a line on standard error quotes why. Whoever has a filter of his own keeps it.
 */
const SAY_WHY = `export RUST_LOG="\${RUST_LOG:-error,codex_core::environment_selection=warn}"\n`;

/** A real Codex takes authorities for registry and relay from this variable, and from no other for both (contract §2). */
const PRIVATE_AUTHORITY =
  'Registry and relay have certificates of a private authority: the agent needs SSL_CERT_FILE, a file with that and with the public ones.';

export function connectCommand(): Command {
  const command = new Command('connect')
    .description('Print the variables with which a coding agent connects by itself, for as long as their token lives.')
    .argument('<environment>', 'demo, default/demo or default_demo')
    .addHelpText('after', '\nExample:\n  $ eval "$(noisefleet connect demo)"; codex exec "say hello"')
    .action(printVariables);
  return withConnectionFlags(command);
}

async function printVariables(environment: string, flags: ConnectionFlags): Promise<void> {
  const connection = await findConnection(environment, 'harness', flags);
  const { registryUrl, environmentId, label } = connection;
  const token = await connection.credential();
  const expirationTime = await connection.expirationTime();
  const variables = Object.entries(harnessVariables(registryUrl, environmentId, token));
  process.stdout.write(variables.map(([name, value]) => `export ${name}=${quoted(value)}\n`).join('') + SAY_WHY);
  const warning = [
    `${lifeOf(expirationTime, Date.now())} After that the agent cannot connect any more, and its standard error says why.`,
    `To have it renewed:  noisefleet run ${label} -- codex …`,
    ...(connection.trust === undefined ? [] : [PRIVATE_AUTHORITY]),
  ];
  process.stderr.write(warning.map((line) => `# ${line}\n`).join(''));
}

/** A word for any POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** In words, relative and absolute. `now` in milliseconds. */
export function lifeOf(expirationTime: string | undefined, now: number): string {
  const until = expirationTime === undefined ? Number.NaN : Date.parse(expirationTime);
  if (Number.isNaN(until)) return 'This token is read once, and nobody here knows how long it lives.';
  const minutes = Math.max(0, Math.floor((until - now) / 60_000));
  const span = minutes >= 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes} min`;
  return `This token is read once and lives for ${span}, until ${expirationTime}.`;
}
