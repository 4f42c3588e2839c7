import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { createLogger, systemClock } from '../telemetry/index.ts';
import { type EnvironmentId, followAuthorities, isFingerprint, type Trust } from '../wire/index.ts';
import { CliError } from './client/cli-error.ts';
import { environmentLabel, parseEnvironmentName } from './client/environment-name.ts';
import { defaultReadyFile, type ReadyFile, readReadyFile } from './client/ready-file.ts';
import { UsageError } from './exit.ts';
import { caFileFlag, collect, flag, urlOf } from './flags.ts';

/** The flags that every command has which talks to an environment. */
export interface ConnectionFlags {
  readonly namespace: string;
  readonly readyFile?: string;
  readonly registry?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly remoteKey?: readonly string[];
}

/** The way to one environment. */
export interface Connection {
  readonly environmentId: EnvironmentId;
  /** For people: `default/demo`. */
  readonly label: string;
  readonly registryUrl: string;
  /** Reads the credential anew each time: it is replaced before it expires. */
  readonly credential: () => Promise<string>;
  /** RFC 3339, where it is known. */
  readonly expirationTime: () => Promise<string | undefined>;
  /** The system's authorities when there is none. */
  readonly trust?: Trust;
  /** Fingerprints of which the executor's key must be one; none means any. */
  readonly remoteKeys: readonly string[];
}

export function withConnectionFlags(command: Command): Command {
  return command
    .addOption(flag('-n, --namespace <name>', 'namespace of an environment that is given by name').default('default'))
    .addOption(flag('--registry <url>', 'registry to ask; needs --token-file').argParser(urlOf('http', 'https')))
    .addOption(flag('--token-file <file>', 'credential for it, read again for each request'))
    .addOption(flag('--ready-file <file>', 'what noisefleet dev wrote, in place of --registry and --token-file'))
    .addOption(caFileFlag())
    .addOption(
      flag('--remote-key <fingerprint>', 'accept only an executor with this key; may be repeated').argParser(
        collect(fingerprint),
      ),
    );
}

function fingerprint(text: string): string {
  if (!isFingerprint(text)) throw new InvalidArgumentError('Write SHA256: and 43 characters, as noisefleet prints it.');
  return text;
}

/**
 * Where the environment is and with what credential to ask.
 *
 * @throws UsageError, CliError
 */
export async function findConnection(
  environment: string,
  role: 'harness' | 'executor',
  flags: ConnectionFlags,
): Promise<Connection> {
  const environmentId = parseEnvironmentName(environment, flags.namespace);
  const label = environmentLabel(environmentId);
  const trust = flags.caFile === undefined ? {} : { trust: await trustIn(flags.caFile) };
  const common = { environmentId, label, remoteKeys: flags.remoteKey ?? [], ...trust };
  if (flags.registry === undefined && flags.tokenFile === undefined) {
    return { ...common, ...(await fromReadyFile(environmentId, label, role, flags)) };
  }
  const { registry, tokenFile } = flags;
  if (registry === undefined || tokenFile === undefined) {
    throw new UsageError('--registry and --token-file belong together');
  }
  return {
    ...common,
    registryUrl: registry,
    credential: () => readText(tokenFile, 'a token'),
    expirationTime: async () => undefined,
  };
}

async function fromReadyFile(
  environmentId: EnvironmentId,
  label: string,
  role: 'harness' | 'executor',
  flags: ConnectionFlags,
): Promise<Pick<Connection, 'registryUrl' | 'credential' | 'expirationTime'>> {
  const path = flags.readyFile ?? defaultReadyFile(process.env);
  const ready = await readReadyFile(path);
  // Once now, so that a wrong name is an error at once and not a refusal later.
  credentialIn(ready, environmentId, label, role);
  return {
    registryUrl: ready.registry,
    credential: async () => credentialIn(await readReadyFile(path), environmentId, label, role).token,
    expirationTime: async () => credentialIn(await readReadyFile(path), environmentId, label, role).expirationTime,
  };
}

function credentialIn(
  { environments }: ReadyFile,
  environmentId: EnvironmentId,
  label: string,
  role: 'harness' | 'executor',
): { token: string; expirationTime: string | undefined } {
  const entry = environments[environmentId];
  if (!entry) {
    const known = Object.keys(environments).join(', ') || 'none';
    throw new CliError(`there is no environment ${label} here`, { code: 'not_found', hint: `There are: ${known}` });
  }
  const token = role === 'harness' ? entry.clientToken : entry.registrationToken;
  const expirationTime = role === 'harness' ? entry.clientTokenExpirationTime : entry.registrationTokenExpirationTime;
  if (token !== undefined) return { token, expirationTime };
  if (role === 'harness') throw new CliError(`you have no token for ${label}`, { code: 'not_authorized' });
  throw new CliError(`${label} is run by noisefleet itself: no host can join it`, {
    code: 'not_external',
    hint: 'Only an executor of runtime type External can be joined.',
  });
}

/** Followed for as long as the command runs: it may outlive an authority. Neither its watch nor its timer keeps the process alive. */
async function trustIn(file: string): Promise<Trust> {
  const logger = createLogger({ component: 'cli', level: 'silent' });
  try {
    return await followAuthorities({ file, clock: systemClock, logger });
  } catch (cause) {
    throw unreadable(file, 'certificates', cause);
  }
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw unreadable(path, what, cause);
  }
}

function unreadable(path: string, what: string, cause: unknown): CliError {
  return new CliError(`${path} holds no ${what} that can be read`, {
    code: cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable',
  });
}
